"""Which words of a sentence stand together in one caption. Pure."""

from __future__ import annotations

from collections.abc import Sequence

MAX_COLUMNS = 72
"""Of one caption: two rows of 36 letters."""


def caption_lines(words: Sequence[str]) -> list[tuple[int, int]]:
    """The captions of one sentence, as ranges (from, to) of its words, which follow each other without gaps."""
    found: list[tuple[int, int]] = []
    start = used = 0
    for index, word in enumerate(words):
        if index > start and used + 1 + len(word) > MAX_COLUMNS:
            found.append((start, index))
            start, used = index, 0
        used += len(word) + 1
    if words:
        found.append((start, len(words)))
    return found
