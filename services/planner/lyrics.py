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
    any, nothing but captions is worth it. Scenes that a line of lyrics spans have one style. Looks that are
    words themselves have none.
    """
    if wish == "none":
        return ["none"] * len(spots)
    if not words or wish == "captions":
        return ["captions"] * len(spots)
    fitting = _styles(spots, looks) if wish == "auto" else dict.fromkeys((spot.group for spot in spots), wish)
    chosen: list[SceneLyrics] = []
    for start, end in _runs(spots, blocks(times, words)):
        style = _common(spots[start:end], looks[start:end], fitting)
        chosen += ["none" if writes_words(look) else style for look in looks[start:end]]
    return chosen


def writes_words(look: LookEntry) -> bool:
    """Whether the look shows the sung words itself, or is all type and has no room for them."""
    return "words" in look.needs or look.family == "type"


def blocks(times: Sequence[float], words: Sequence[Word]) -> list[tuple[int, int]]:
    """Scenes (from, to) that belong together since lines of lyrics run over the cuts between them."""
    spans = []
    for _, line in groupby(words, key=lambda word: word.line):
        sung = list(line)
        spans.append((sung[0].start, max(word.end for word in sung)))
    bounds = [0]
    for index in range(1, len(times) - 1):
        if not any(start < times[index] < end for start, end in spans):
            bounds.append(index)
    bounds.append(len(times) - 1)
    return list(pairwise(bounds))


def _runs(spots: Sequence[Spot], found: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Blocks joined to runs: those that begin in the same visit to a group are shown alike."""
    starts = [start for start, _ in found]
    visits = [(spots[start].group, spots[start].visit) for start in starts]
    bounds = [start for i, start in enumerate(starts) if i == 0 or visits[i] != visits[i - 1]]
    return list(pairwise([*bounds, len(spots)]))


def _styles(spots: Sequence[Spot], looks: Sequence[LookEntry]) -> dict[int, SceneLyrics]:
    """The style of each group: calm ones have a line, choruses a sweep, posters and what is loud a stack."""
    found: dict[int, SceneLyrics] = {}
    for group in {spot.group for spot in spots}:
        own = [(spot, look) for spot, look in zip(spots, looks, strict=True) if spot.group == group]
        style = _BY_ROLE[own[0][0].role]
        loud = sum(spot.energy for spot, _ in own) >= LOUD * len(own)
        cut = sum("subject" in look.needs and look.carries_type for _, look in own)
        found[group] = "stack" if 2 * cut >= len(own) or (loud and style == "line") else style
    return found


def _common(spots: Sequence[Spot], looks: Sequence[LookEntry], fitting: Mapping[int, SceneLyrics]) -> SceneLyrics:
    """The one style of scenes that belong together: that of most of their words, if all that are sung in can have
    type over them."""
    shown = [look for spot, look in zip(spots, looks, strict=True) if spot.sung and not writes_words(look)]
    if not all(look.carries_type for look in shown):
        return "captions"
    votes: Counter[SceneLyrics] = Counter()
    for spot in spots:
        votes[fitting[spot.group]] += 1 + spot.sung
    return votes.most_common(1)[0][0]
