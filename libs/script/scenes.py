"""Sentences to scenes: groups of whole sentences, of 3 to 8 seconds where that is possible. Pure.

What is too short joins its shorter neighbour, the shortest first. So each choice depends on the lengths nearby:
another length of one sentence changes the scenes around it, and leaves the rest.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

SHORTEST_S = 3.0
LONGEST_S = 8.0
FLASH_S = 1.5
"""Nothing is shorter, be it that a scene gets longer than `LONGEST_S`, or a paragraph has none of its own."""


def scenes_of(lengths_s: Sequence[float], paragraphs: Sequence[int]) -> list[tuple[int, int]]:
    """Ranges (from, to) of sentences, one for each scene, in order and without gaps.

    lengths_s: of each sentence with the pause after it. paragraphs: the number of each sentence's paragraph. No
    scene has sentences of two paragraphs, unless one of them is shorter than `FLASH_S`.
    """
    found: list[tuple[int, int]] = []
    for start, end in _blocks(lengths_s, paragraphs):
        found.extend((start + a, start + b) for a, b in _grouped(lengths_s[start:end]))
    return found


def _blocks(lengths_s: Sequence[float], paragraphs: Sequence[int]) -> list[tuple[int, int]]:
    """Paragraphs; a short one together with the next, the last one with the one before."""
    found: list[tuple[int, int]] = []
    start = first = 0
    count = len(lengths_s)
    for end in range(1, count + 1):
        if end < count and paragraphs[end] == paragraphs[end - 1]:
            continue
        short = sum(lengths_s[first:end]) < FLASH_S
        if end == count and short and start == first and found:
            start, _ = found.pop()
        if not short or end == count:
            found.append((start, end))
            start = end
        first = end
    return found


def _grouped(lengths_s: Sequence[float]) -> list[tuple[int, int]]:
    """The scenes of a block."""
    groups = _Groups(lengths_s)
    waiting = [(length, start) for start, length in enumerate(lengths_s) if length < SHORTEST_S]
    heapq.heapify(waiting)
    while waiting:
        length, start = heapq.heappop(waiting)
        if groups.lengths.get(start) != length:
            continue
        merged = groups.merge(start)
        if merged is not None and groups.lengths[merged] < SHORTEST_S:
            heapq.heappush(waiting, (groups.lengths[merged], merged))
    for start in [start for start, length in groups.lengths.items() if length < SHORTEST_S]:
        groups.borrow(start)
    return groups.ranges()


class _Groups:
    """Neighbouring groups of sentences, named by the first of each."""

    def __init__(self, lengths_s: Sequence[float]) -> None:
        self._each = lengths_s
        self.lengths = dict(enumerate(lengths_s))
        self._ends = {start: start + 1 for start in self.lengths}
        self._starts = {start + 1: start for start in self.lengths}

    def merge(self, start: int) -> int | None:
        """Join a group with its shorter neighbour; None where the scene would be too long for that."""
        around = [one for one in (self._starts.get(start), self._ends[start]) if one in self.lengths]
        if not around:
            return None
        other = min(around, key=lambda one: self.lengths[one])
        if self.lengths[start] + self.lengths[other] > LONGEST_S and self.lengths[start] >= FLASH_S:
            return None
        first, second = min(start, other), max(start, other)
        self._set(first, self._ends[second])
        del self.lengths[second]
        return first

    def borrow(self, start: int) -> None:
        """Give a short group the nearest sentence of a neighbour that can do without it."""
        before, end = self._starts.get(start), self._ends[start]
        if before is not None and self._spares(before, start - 1, start):
            self._set(before, start - 1)
            self._set(start - 1, end)
            del self.lengths[start]
        elif end in self.lengths and self._spares(end, end, start):
            self._set(end + 1, self._ends[end])
            self._set(start, end + 1)
            del self.lengths[end]

    def ranges(self) -> list[tuple[int, int]]:
        """The groups, in order."""
        return sorted((start, self._ends[start]) for start in self.lengths)

    def _spares(self, giver: int, sentence: int, taker: int) -> bool:
        given = self._each[sentence]
        left, taken = self.lengths[giver] - given, self.lengths[taker] + given
        return left >= SHORTEST_S and SHORTEST_S <= taken <= LONGEST_S

    def _set(self, start: int, end: int) -> None:
        self.lengths[start] = sum(self._each[start:end])
        self._ends[start] = end
        self._starts[end] = start
