"""Which words of a sentence stand together in one caption. Pure."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

from libs.script.words import parted

MAX_COLUMNS = 72
"""Of one caption: two rows of 36 letters."""
_WIDE = 2.3
"""Columns of a letter that is as wide as high."""
_SENTENCE = frozenset(".!?…。！？।॥۔؟։")
_CLAUSE = frozenset(",;:、，；：،؛—–")
_CLOSING = "\"'”’»›)]）」』】》"
_SLIGHT_LETTERS = 3
"""Shorter words are articles and prepositions, mostly: they belong to the word after."""


def caption_lines(words: Sequence[str]) -> list[tuple[int, int]]:
    """The captions of one sentence, as ranges (from, to) of its words, which follow each other without gaps.

    As few as there can be of `MAX_COLUMNS`, parted by sense: where a clause ends, not behind an article, none with a
    lone word. A wider word stands alone.
    """
    widths = [_columns(word) for word in words]
    costs = [0.0] + [math.inf] * len(words)
    begins = [0] * (len(words) + 1)
    for end in range(1, len(words) + 1):
        width = 0.0
        for start in range(end - 1, -1, -1):
            width += widths[start] + (start + 1 < end and parted(words[start], words[start + 1]))
            if width > MAX_COLUMNS and start + 1 < end:
                break
            cost = costs[start] + _cost(words, start, end, width)
            if cost < costs[end]:
                costs[end], begins[end] = cost, start
    found: list[tuple[int, int]] = []
    end = len(words)
    while end:
        found.append((begins[end], end))
        end = begins[end]
    return found[::-1]


def _cost(words: Sequence[str], start: int, end: int, width: float) -> float:
    empty = max(1.0 - width / MAX_COLUMNS, 0.0)
    alone = 0.4 if end - start == 1 < len(words) else 0.0
    return 1.0 + empty**2 + alone + (_break_cost(words[end - 1]) if end < len(words) else 0.0)


def _break_cost(word: str) -> float:
    """How badly a caption ends with a word."""
    bare = word.rstrip(_CLOSING) or word
    if bare[-1] in _SENTENCE:
        return 0.0
    if bare[-1] in _CLAUSE:
        return 0.1
    return 0.7 if bare.isalpha() and len(bare) <= _SLIGHT_LETTERS and bare < "\u0530" else 0.4


def _columns(text: str) -> float:
    return sum(
        _WIDE if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text
    )
