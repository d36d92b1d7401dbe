"""How the sung words are shown in each scene, so that no line of lyrics changes its style on the way. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

from libs.contracts.analysis import Word
from libs.contracts.jobs import LyricsStyle
from libs.contracts.looks import LookEntry
from libs.contracts.storyboard import SceneLyrics
from services.planner.structure import Role, Spot

TAIL = 0.15
"""Seconds of a line that may lie beyond a cut: the end of its last word is no more to be read."""
LOUD = 0.85
"""The energy from which the words of calm parts are stacked, too."""
_BY_ROLE: dict[Role, SceneLyrics] = {"home": "line", "hook": "sweep", "break": "line", "frame": "line"}


def choose_lyrics(
    spots: Sequence[Spot],
    looks: Sequence[LookEntry],
    times: Sequence[float],
    words: Sequence[Word],
    wish: LyricsStyle,
) -> list[SceneLyrics]:
    """The style of each scene.

    times: seconds at which scenes begin, and last the end. words: those whose times are known, in order; without
    any, nothing but captions is worth it. Of itself, type is set over looks that are made for it, and scenes that a
    line of lyrics spans have one style; a style that is asked for is used everywhere. Looks that are words
    themselves have none.
    """
    if wish == "none":
        return ["none"] * len(spots)
    if not words or wish == "captions":
        return ["captions"] * len(spots)
    if wish != "auto":
        return ["none" if writes_words(look) else wish for look in looks]
    fitting = _styles(spots, looks)
    chosen: list[SceneLyrics] = []
    for start, end in blocks(times, words):
        style = _common(spots[start:end], looks[start:end], fitting)
        chosen += ["none" if writes_words(look) else style for look in looks[start:end]]
    return chosen


def writes_words(look: LookEntry) -> bool:
    """Whether the look shows the sung words itself, or is all type and has no room for them."""
    return "words" in look.needs or look.family == "type"


def blocks(times: Sequence[float], words: Sequence[Word]) -> list[tuple[int, int]]:
    """Scenes (from, to) that belong together since lines of lyrics run on over the cuts between them."""
    spans = []
    for _, line in groupby(words, key=lambda word: word.line):
        sung = list(line)
        spans.append((sung[0].start, max(word.end for word in sung)))
    bounds = [0]
    for index in range(1, len(times) - 1):
        if not any(start + TAIL < times[index] < end - TAIL for start, end in spans):
            bounds.append(index)
    bounds.append(len(times) - 1)
    return list(pairwise(bounds))


def holds(look: LookEntry, style: SceneLyrics) -> bool:
    """Whether words of this style may stand over the look: a sweep is low and small, and keeps off cutouts only."""
    return style == "captions" or look.carries_type or (style == "sweep" and look.family != "cutout")


def _styles(spots: Sequence[Spot], looks: Sequence[LookEntry]) -> dict[tuple[int, int], SceneLyrics]:
    """The style of each visit to a group: a line if calm, a sweep in choruses, a stack on posters and if loud.

    Where less than half of the scenes that are sung in can hold it, the next plainer one.
    """
    found: dict[tuple[int, int], SceneLyrics] = {}
    for visit in dict.fromkeys((spot.group, spot.visit) for spot in spots):
        own = [(spot, look) for spot, look in zip(spots, looks, strict=True) if (spot.group, spot.visit) == visit]
        shown = [look for spot, look in own if spot.sung and not writes_words(look)]
        style = _BY_ROLE[own[0][0].role]
        loud = sum(spot.energy for spot, _ in own) >= LOUD * len(own)
        posters = sum("subject" in look.needs for look in shown if look.carries_type)
        if 2 * posters > len(shown) or (loud and style == "line"):
            style = "stack"
        found[visit] = next(
            one for one in _plainer(style) if 2 * sum(holds(look, one) for look in shown) >= len(shown)
        )
    return found


def _plainer(style: SceneLyrics) -> tuple[SceneLyrics, ...]:
    """The style, and what takes its place where it can't stand."""
    return style, "sweep", "captions"


def _common(
    spots: Sequence[Spot], looks: Sequence[LookEntry], fitting: Mapping[tuple[int, int], SceneLyrics]
) -> SceneLyrics:
    """The one style of scenes that a line spans: that of most of their words, or one that all can hold."""
    shown = [look for spot, look in zip(spots, looks, strict=True) if spot.sung and not writes_words(look)]
    votes: Counter[SceneLyrics] = Counter()
    for spot in spots:
        votes[fitting[spot.group, spot.visit]] += 1 + spot.sung
    style = votes.most_common(1)[0][0]
    return next(one for one in _plainer(style) if all(holds(look, one) for look in shown))
