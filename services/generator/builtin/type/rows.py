"""Words to rows: as few as they need, evenly long, broken where one would take breath. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

_LEANING_TEXT = """
a an the of to in on at by for from with into over under and or but as my your our his her their i i'm you we
der die das den dem ein eine und oder im am zu mit von vor für auf aus
le la les un une de des du et ou à au aux dans sur pour par
el los las unos y o en con por al del il lo gli e di da nel sul os um uma em no na
w z i u do od za po że
"""
_LEANING = frozenset(_LEANING_TEXT.split())
"""Words that lean on what follows: English, German, French, Spanish, Italian and Portuguese, Polish."""
_STRANDED = 0.14
"""What such a word at a row's end costs, in parts of the row's width."""
_ORPHAN = 0.25
"""What a last row costs that has less than a third of the longest."""
MOST_WORDS = 24
"""More words at once are not balanced: their rows are filled one after the other."""

Rows = list[tuple[int, int]]
"""Rows of words: the first, and one after the last."""


class Measure:
    """Words with their widths, and `gaps[i]`, the space before word i if it isn't a row's first."""

    def __init__(self, words: Sequence[str], widths: Sequence[float], gaps: Sequence[float]) -> None:
        self.words, self.widths, self.gaps = list(words), list(widths), list(gaps)
        self.ends = [0.0]
        for width, gap in zip(self.widths, self.gaps, strict=True):
            self.ends.append(self.ends[-1] + gap + width)

    def length(self, first: int, last: int) -> float:
        """The width of a row of words first..last (excluded)."""
        return self.ends[last] - self.ends[first] - self.gaps[first]

    def longest(self, rows: Rows) -> float:
        """The width of the longest row."""
        return max(self.length(*row) for row in rows)


def balanced(measure: Measure, most: float, rows: int) -> Rows:
    """As few rows as hold the words in a width of `most`, the longest as short as possible; at most `rows`.

    A row that ends with a preposition or an article has a price, and so has a lonely last word. Where so many
    rows don't hold the words, they are wider than `most`.
    """
    count = len(measure.words)
    if count == 0:
        return []
    if count > MOST_WORDS:
        return filled(measure, most)
    for many in range(1, min(rows, count) + 1):
        ways = [
            list(zip((0, *ends), (*ends, count), strict=True)) for ends in combinations(range(1, count), many - 1)
        ]
        found = min(ways, key=lambda way: _price(measure, way, most))
        if measure.longest(found) <= most:
            break
        tightest = min(ways, key=measure.longest)
        if measure.longest(tightest) <= most or many == min(rows, count):
            found = tightest
            break
    return found


def filled(measure: Measure, most: float) -> Rows:
    """Rows filled one after the other; a word wider than `most` stands alone."""
    found: Rows = []
    first = 0
    for last in range(1, len(measure.words) + 1):
        if last - first > 1 and measure.length(first, last) > most:
            found.append((first, last - 1))
            first = last - 1
    found.append((first, len(measure.words)))
    return found


def _price(measure: Measure, way: Rows, most: float) -> float:
    longest = measure.longest(way)
    stranded = sum(measure.words[last - 1].lower() in _LEANING for _, last in way[:-1])
    orphan = len(way) > 1 and measure.length(*way[-1]) < 0.34 * longest
    return longest + most * (_STRANDED * stranded + _ORPHAN * orphan)
