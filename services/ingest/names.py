"""Names that users gave: cleaned for display, and written into Content-Disposition. Never part of a path."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

MAX_NAME_CHARS = 120

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories that a display name does without: controls, format (bidi overrides), surrogates, unassigned."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .-_")


def display_name(raw: str, default: str = "song") -> str:
    """The last part of a file name as sent, without controls, in NFC, at most 120 characters, never empty."""
    last = raw.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(
        " " if char.isspace() else char
        for char in unicodedata.normalize("NFC", last)
        if char.isspace() or unicodedata.category(char) not in _HIDDEN
    )
    cleaned = " ".join(visible.split())[:MAX_NAME_CHARS].strip(" .")
    return cleaned or default


def stem(name: str) -> str:
    """A display name without its extension of up to five characters."""
    head, dot, tail = name.rpartition(".")
    return head.rstrip(" .") if dot and head.strip(" .") and 0 < len(tail) <= 5 and tail.isalnum() else name


def content_disposition(name: str) -> str:
    """The header for a download: an ASCII form of the name for old clients, and the real one (RFC 6266, 5987)."""
    plain = "".join(char if char in _PLAIN else "_" for char in name)
    encoded = quote(name, safe="!#$&+-.^_`|~", encoding="utf-8", errors="replace")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
