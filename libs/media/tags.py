"""What a song is called, by the tags of its file; names of files and of takes are not titles. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST = 120
"""Letters of a title at most."""

_NUMBER = re.compile(r"^\s*\d{1,3}\s*[-.)\u2013]\s*(?=\D)")
_FILE = re.compile(r"_|\.(mp3|m4a|wav|flac|ogg|aac|aiff?|opus|mp4)$", re.IGNORECASE)
_TAKE = re.compile(
    r"^(audio|track|titel|title|piste|pista|unknown|untitled|unbekannt|new recording|recording|voice memo|memo|"
    r"bounce|mixdown|master|mix|demo|final|song|export)?[\s\d#.\-]*$",
    re.IGNORECASE,
)


def song_title(tags: Mapping[str, str]) -> str:
    """The title in a file's tags, without a number before it; "" where there is none that one would show."""
    named = {key.lower(): value for key, value in tags.items()}
    shown = "".join(char if char.isprintable() else " " for char in named.get("title", ""))
    title = _NUMBER.sub("", " ".join(shown.split()))
    if len(title) > LONGEST or _FILE.search(title) or _TAKE.match(title):
        return ""
    return title
