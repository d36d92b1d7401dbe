"""How the sung words are shown in each scene, so that no line of lyrics changes its style on the way. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise

from libs.contracts.analysis import Word
from libs.contracts.jobs import LyricsStyle
from libs.contracts.looks import LookEntry
from libs.contracts.storyboard import SceneLyrics
from services.planner.structure import Role, Spot

LOUD = 0.8
"""The energy from which words are stacked, where they are no chorus."""
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
    any, nothing but captions is worth it. Scenes that a line of lyrics spans have one style. Looks that write the
    sung words themselves have none.
    """
    if wish == "none":
        return ["none"] * len(spots)
    if not words or wish == "captions":
        return ["captions"] * len(spots)
    chosen: list[SceneLyrics] = []
    for start, end in blocks(times, words):
        style = _style(spots[start:end], looks[start:end], wish)
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


def _style(spots: Sequence[Spot], looks: Sequence[LookEntry], wish: LyricsStyle) -> SceneLyrics:
    shown = [look for look in looks if not writes_words(look)]
    if wish != "auto":
        return wish
    if not all(look.carries_type for look in shown):
        return "captions"
    votes: Counter[SceneLyrics] = Counter()
    for spot in spots:
        style = _BY_ROLE[spot.role]
        votes["stack" if style == "line" and spot.energy >= LOUD else style] += spot.sung
    return votes.most_common(1)[0][0] if votes else "line"
