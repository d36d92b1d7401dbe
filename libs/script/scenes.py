"""Sentences to scenes: groups of whole sentences, of 3 to 8 seconds where that is possible. Pure."""

from __future__ import annotations

from collections.abc import Sequence

SHORTEST_S = 3.0
LONGEST_S = 8.0


def scenes_of(lengths_s: Sequence[float], paragraphs: Sequence[int]) -> list[tuple[int, int]]:
    """Ranges (from, to) of sentences, one for each scene, in order and without gaps.

    lengths_s: of each sentence with the pause after it. paragraphs: the number of each sentence's paragraph.
    """
    found: list[tuple[int, int]] = []
    start = 0
    for index in range(1, len(lengths_s)):
        held = sum(lengths_s[start:index])
        if paragraphs[index] != paragraphs[start] or held >= SHORTEST_S or held + lengths_s[index] > LONGEST_S:
            found.append((start, index))
            start = index
    if lengths_s:
        found.append((start, len(lengths_s)))
    return found
