"""Sentences that are too long to be spoken at once, in parts: at the ends of clauses, else by length. Pure."""

from __future__ import annotations

import re

from libs.script.pauses import letter_s

LONGEST_S = 25.0
"""Of a sentence, as estimated: about 400 letters of an alphabet."""
LONGEST_LETTERS = 400
PHRASE_S = 8.0
"""Writing without marks between sentences is parted at its spaces, which end phrases."""

_PHRASED = re.compile("[\u0e01-\u0edf\u1000-\u109f\u1780-\u17ff]")
_ENDS = ".!?…।॥۔؟;:؛。！？；："
_CLAUSES = (
    (0.25, re.compile(rf"(?<![{_ENDS}])[{_ENDS}]++[\"'”’»」』）)]*+(?:\s+|(?<=[。！？；：」』）]))|\s[–—]\s+")),
    (0.25, re.compile(r"(?<!,),++(?=\s)\s*|[，、،]\s*")),
    (0.5, re.compile(r"\s+|\u200b")),
    (0.5, re.compile("(?<=[\u2e80-\u30ff\u3400-\u9fff])(?=[\u2e80-\u30ff\u3400-\u9fff])")),
)
"""Where a sentence may be parted, the best first; each with the least share of the room that is filled so."""


def parted(text: str) -> list[str]:
    """The parts, of `LONGEST_S` and `LONGEST_LETTERS` at most; together they are the text, but for spaces."""
    longest = PHRASE_S if _PHRASED.search(text) else LONGEST_S
    found: list[str] = []
    at = 0
    while at < len(text):
        end = _end(text, at, longest)
        found.append(text[at:end].strip())
        at = end
    return [part for part in found if part]


def _end(text: str, start: int, longest_s: float) -> int:
    """Where the part ends that begins at `start`: with the text, or at the last good place that fits."""
    room = _room(text, start, longest_s)
    if room == len(text):
        return room
    for least, clause in _CLAUSES:
        first = start + max(int((room - start) * least), 1)
        ends = [found.end() for found in clause.finditer(text, start, room) if found.end() >= first]
        if ends:
            return ends[-1]
    return room


def _room(text: str, start: int, longest_s: float) -> int:
    """How far a part may go that begins at `start`."""
    spoken = 0.0
    for at in range(start, min(start + LONGEST_LETTERS, len(text))):
        spoken += letter_s(text[at])
        if spoken > longest_s:
            return max(at, start + 1)
    return min(start + LONGEST_LETTERS, len(text))
