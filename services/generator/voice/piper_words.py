"""Which symbols say which word of a caption, and when the words are heard therefore."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence, Set
from itertools import accumulate

from services.generator.voice.phonemes import NOWHERE, Pronunciation, aligned
from services.generator.voice.port import Heard
from services.generator.voice.writing import is_word


def located(text: str, words: Sequence[str]) -> list[int] | None:
    """Where each word begins in the text; None when they don't stand there in this order."""
    starts: list[int] = []
    at = 0
    for word in words:
        start = text.find(word, at)
        if start < 0:
            return None
        starts.append(start)
        at = start + len(word)
    return starts


def speakers(
    said: Pronunciation, text: str, words: Sequence[str], starts: Sequence[int], alone: Callable[[str], str]
) -> list[int]:
    """For each symbol the word that it says, or NOWHERE.

    text: what was pronounced, where words that can't be said are blank. alone: the symbols of one word by itself;
    asked where words are said in one, as `of the` is.
    """
    places = {*said.origins} - {NOWHERE}
    word_of = {place: _word_at(place, text, starts, places) for place in places}
    owners = [word_of.get(origin, NOWHERE) for origin in said.origins]
    spoken = {owner for owner in owners if owner >= 0}
    for first in sorted(spoken):
        last = first
        while last + 1 < len(words) and last + 1 not in spoken:
            last += 1
        group = [
            index
            for index in range(first, last + 1)
            if index == first or is_word(text[starts[index] : starts[index] + len(words[index])])
        ]
        if len(group) > 1:
            _share(said.symbols, owners, group, [alone(words[index]) for index in group])
    return owners


def word_times(
    owners: Sequence[int], bounds: Sequence[tuple[float, float]], words: Sequence[str]
) -> tuple[Heard, ...]:
    """When each word is heard. bounds: start and end of each symbol, in seconds.

    Words meet in the middle of the space between them, where no pause is: sounds begin before their symbols do.
    A word without symbols gets the gap between its neighbours; it counts as spoken where it is only punctuation.
    """
    spans: list[tuple[float, float] | None] = [None] * len(words)
    before = NOWHERE
    for index, (owner, bound) in enumerate(zip(owners, bounds, strict=True)):
        if owner == NOWHERE:
            continue
        span, left = spans[owner], spans[before] if before != NOWHERE else None
        if span is None and left and index > 1 and owners[index - 2] == before == owner - 1:
            middle = (left[1] + bound[0]) / 2
            spans[before], spans[owner] = (left[0], middle), (middle, bound[1])
        else:
            spans[owner] = bound if span is None else (min(span[0], bound[0]), max(span[1], bound[1]))
        before = owner
    ends = list(accumulate((span[1] if span else 0.0 for span in spans), max, initial=0.0))
    times: list[Heard] = []
    following = ends[-1]
    for index in range(len(words) - 1, -1, -1):
        span = spans[index]
        if span is None:
            spoken = not is_word(words[index])
            times.append(Heard(start=min(ends[index], following), end=following, spoken=spoken))
        else:
            times.append(Heard(start=span[0], end=span[1]))
            following = span[0]
    return tuple(reversed(times))


def _word_at(origin: int, text: str, starts: Sequence[int], begun: Set[int]) -> int:
    """The word that a place of the text belongs to. espeak may name the space before a word instead of the word.

    begun: all places that are named.
    """
    following = bisect_right(starts, origin)
    if following < len(starts) and starts[following] not in begun and text[origin : starts[following]].isspace():
        return following
    return max(0, following - 1)


def _share(symbols: str, owners: list[int], group: Sequence[int], alone: Sequence[str]) -> None:
    """Give each word of the group its part of the symbols that the first one has."""
    mine = [index for index, owner in enumerate(owners) if owner == group[0]]
    parts = [part or "." for part in alone]
    by_letter = [word for word, part in zip(group, parts, strict=True) for _ in part]
    likes = aligned("".join(symbols[index] for index in mine), "".join(parts))
    found = [by_letter[like] for like in likes]
    if {*found} != {*group}:  # said otherwise than alone: the same for each
        found = [group[index * len(group) // len(mine)] for index in range(len(mine))]
    for index, word in zip(mine, found, strict=True):
        owners[index] = word
