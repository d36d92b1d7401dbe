"""Which words of a sentence stand together in one caption. Pure."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from libs.script.words import parted

MAX_COLUMNS = 72
"""Of one caption: two rows of 36 letters."""
_WIDE = 2.3
"""Columns of a letter that is as wide as high."""
_SENTENCE = frozenset(".!?…。！？।॥۔؟։")
_CLAUSE = frozenset(",;:、，；：،؛—–")
_CLOSING = "\"'”’»›)]）」』】》"
_EACH = 0.5
"""The cost of a caption, beside those of the room that it leaves empty and of the word that it ends with."""
_ALONE = 0.4
"""That of a word that stands alone, besides."""
_SLIGHT_LETTERS = 3
"""Shorter words are articles and prepositions, mostly: they belong to the word after."""


def caption_lines(words: Sequence[str]) -> list[tuple[int, int]]:
    """The captions of one sentence, as ranges (from, to) of its words, which follow each other without gaps.

    Few, of `MAX_COLUMNS` at most, parted by sense: where a clause ends, not behind an article, and none
    has a lone word. A wider word stands alone.
    """
    count = len(words)
    widths = [_columns(word) for word in words]
    gaps = [*(parted(before, after) for before, after in pairwise(words)), False]
    breaks = [*(_break_cost(word) for word in words[:-1]), 0.0]
    costs = [0.0] + [math.inf] * count
    begins = [0] * (count + 1)
    for end in range(1, count + 1):
        width = widths[end - 1]
        start = end - 1
        alone = _ALONE if count > 1 else 0.0
        while True:
            cost = costs[start] + _EACH + alone + max(1.0 - width / MAX_COLUMNS, 0.0) ** 2
            if cost < costs[end]:
                costs[end], begins[end] = cost, start
            start -= 1
            if start < 0 or (width := width + gaps[start] + widths[start]) > MAX_COLUMNS:
                break
            alone = 0.0
        costs[end] += breaks[end - 1]
    return _ranges(begins)


def _ranges(begins: Sequence[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    end = len(begins) - 1
    while end:
        found.append((begins[end], end))
        end = begins[end]
    return found[::-1]


def _break_cost(word: str) -> float:
    """How badly a caption ends with a word."""
    bare = word.rstrip(_CLOSING) or word
    if bare[-1] in _SENTENCE:
        return 0.0
    if bare[-1] in _CLAUSE:
        return 0.1
    return 1.3 if bare.isalpha() and len(bare) <= _SLIGHT_LETTERS and bare < "\u0530" else 0.4


def _columns(text: str) -> float:
    if text.isascii():
        return len(text)
    return sum(
        _WIDE if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text
    )
