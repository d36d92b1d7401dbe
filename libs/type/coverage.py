"""Which characters a face can draw, and which face a text is set in: known before anything is drawn."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from fontTools.ttLib import TTFont

from libs.type.faces import FACES, Face, Role

_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")
"""Categories of characters that need no glyph."""


@lru_cache(maxsize=64)
def coverage(face: Face) -> frozenset[int]:
    """The code points that the face has glyphs for."""
    with TTFont(face.path, lazy=True) as font:
        return frozenset(font.getBestCmap())


def draws(face: Face, text: str) -> bool:
    """Whether the face has every character of the text."""
    return not uncovered(face, text)


def uncovered(face: Face, text: str) -> str:
    """The characters of the text that the face lacks, each once, in order."""
    held = coverage(face)
    return "".join(char for char in dict.fromkeys(unicodedata.normalize("NFC", text)) if not _has(held, char))


def choose_face(role: Role, text: str) -> Face | None:
    """The first face of the role that has all of the text; None when no face has."""
    return next((face for face in FACES[role] if draws(face, text)), None)


def missing(text: str) -> str:
    """The characters that no face has, each once, in order: emoji, and scripts that no package carries."""
    left = "".join(dict.fromkeys(unicodedata.normalize("NFC", text)))
    for face in FACES["caption"]:
        if left:
            left = uncovered(face, left)
    return left


def drawable(text: str) -> str:
    """The text without control characters, and without symbols such as emoji that no face has; letters stay."""
    seen = "".join(char if char.isprintable() or _joins(char) else " " for char in text if not _selects(char))
    gone = {char for char in missing(seen) if _is_symbol(char)}
    left = "".join(char for char in unicodedata.normalize("NFC", seen) if char not in gone)
    return " ".join(word for word in left.split() if not all(_joins(char) for char in word))


def is_writable(text: str) -> bool:
    """Whether some face has all letters of the text, and there are any."""
    shown = drawable(text)
    return (
        any(unicodedata.category(char)[0] in "LN" for char in shown) and choose_face("caption", shown) is not None
    )


def _has(held: frozenset[int], char: str) -> bool:
    if ord(char) in held or unicodedata.category(char) in _UNSEEN or _selects(char):
        return True
    parts = unicodedata.normalize("NFD", char)
    return len(parts) > 1 and all(ord(part) in held for part in parts)


def _is_symbol(char: str) -> bool:
    return unicodedata.category(char)[0] in "SC" or char == "\u20e3"


def _joins(char: str) -> bool:
    """Joiners of no width, which shaping needs."""
    return char in "\u200c\u200d"


def _selects(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f"


def all_of(texts: Iterable[str]) -> str:
    """Every character of the texts once: what a face has to have."""
    return "".join(dict.fromkeys(char for text in texts for char in text))
