"""Where the scenes change: dynamic programming over the beat grid, in whole frames. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from libs.contracts.analysis import Analysis
from libs.media.frames import frame_at

SHORTEST = 2
"""Seconds: no scene is shorter, unless the song is."""
LONGEST = 12
"""Seconds: no scene is longer."""
WISH_STRETCH = 1.35
"""Times the length that was asked for: no scene is longer."""
SEVERAL_FROM = 8
"""Seconds of song from which there are at least three scenes."""
_CALM_SCENE, _LOUD_SCENE = 6.5, 3.0
"""Seconds that a scene takes where the song is calm, and where it is at its loudest."""
_GRID = 0.5
"""Seconds between places for a cut where there are no beats."""

_SECTION_GAIN = 3.0
_DOWNBEAT_GAIN = 1.2
_OFF_GRID_COST = 5.0
_LENGTH_COST = 4.0
_PIECE_COST = 2.5
"""Of each further piece in which a clip has to be made."""
_WISH_COST = 20.0
"""Of a length that was asked for."""
_FADE = 0.4
"""Seconds that a crossfade may add to a clip."""

Numbers = npt.NDArray[np.float64]
Frames = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Places:
    """Where a cut may fall: rising frames, the first is 0 and the last the song's end."""

    frames: npt.NDArray[np.int64]
    gain: Numbers
    """What a cut there is worth, against the cost of scenes that are too long or too short."""


def find_cuts(analysis: Analysis, fps: Fraction, clip_s: float = 0.0, scene_s: float | None = None) -> list[int]:
    """Frames at which scenes begin, and last the song's frames: [0, ..., total], at least two numbers.

    Every scene has at least two seconds and at most twelve, where the song is long enough; from eight
    seconds of song on there are at least three scenes. clip_s: seconds of a clip that is made in one piece, which
    scenes then rather keep to; 0: of any length. scene_s: seconds that scenes should have; None: as the song asks.
    """
    total = max(1, frame_at(analysis.duration, fps))
    least = math.ceil(SHORTEST * fps)
    if total < 2 * least:
        return [0, total]
    most = math.floor(max(LONGEST, WISH_STRETCH * (scene_s or 0.0)) * fps)
    if analysis.duration >= SEVERAL_FROM:
        most = min(most, math.floor(total * Fraction(9, 20)))
    places = find_places(analysis, fps, total)
    loudness = Loudness(analysis, fps)

    def cost(first: Frames, last: int) -> Numbers:
        """Of scenes from each of `first` to `last`."""
        seconds = (last - first) / float(fps)
        if scene_s is not None:
            return _WISH_COST * np.log2(seconds / scene_s) ** 2
        wanted = _wanted_seconds(loudness.mean(first, np.full(len(first), last)))
        return _length_cost(seconds, wanted) + _PIECE_COST * _more_pieces(seconds, clip_s)

    return _best_path(places, least, max(most, least), cost)


def find_places(analysis: Analysis, fps: Fraction, total: int) -> Places:
    """Beats with what they are worth, and even places between where beats are far apart."""
    gains: dict[int, float] = {0: 0.0, total: 0.0}
    times = [beat.time for beat in analysis.beats]
    for beat in analysis.beats:
        frame = frame_at(beat.time, fps)
        if 0 < frame < total:
            gains[frame] = max(gains.get(frame, -9.0), 0.6 * beat.strength + _DOWNBEAT_GAIN * beat.downbeat)
    for section in analysis.sections[1:]:
        # A bound pulls its nearest beat up; where the pulse is away it is a place of its own.
        near = min(times, key=lambda time: abs(time - section.start), default=math.inf)
        frame = frame_at(near if abs(near - section.start) < 0.5 else section.start, fps)
        if 0 < frame < total:
            gains[frame] = gains.get(frame, 0.0) + _SECTION_GAIN
    cost = _OFF_GRID_COST if len(gains) > 2 else 0.0
    step = float(_GRID * fps)
    everywhere = total < 16 * fps
    known = sorted(gains)
    for left, right in itertools.pairwise(known):
        if everywhere or right - left > SHORTEST * fps:
            count = max(1, round((right - left) / step))
            for i in range(1, count):
                gains.setdefault(left + round((right - left) * i / count), -cost)
    frames = sorted(gains)
    return Places(frames=np.array(frames, dtype=np.int64), gain=np.array([gains[frame] for frame in frames]))


class Loudness:
    """The song's energy by frames: the mean over any span, in constant time."""

    def __init__(self, analysis: Analysis, fps: Fraction) -> None:
        self._fps = float(fps)
        values = [point.value for point in analysis.energy] or [0.5]
        self._times = np.array([point.time for point in analysis.energy] or [0.0])
        self._sums = np.concatenate([[0.0], np.cumsum(values)])

    def mean(self, start: npt.ArrayLike, end: npt.ArrayLike) -> Numbers:
        """The mean energy of each span of frames, 0..1; of the last point before it where it has none."""
        first = np.searchsorted(self._times, np.asarray(start) / self._fps)
        first = np.minimum(first, len(self._times) - 1)
        last = np.maximum(np.searchsorted(self._times, np.asarray(end) / self._fps), first + 1)
        means: Numbers = (self._sums[last] - self._sums[first]) / (last - first)
        return means


def _best_path(places: Places, least: int, most: int, cost: Callable[[Frames, int], Numbers]) -> list[int]:
    frames, gain = places.frames, places.gain
    count = len(frames)
    best = np.full(count, -np.inf)
    best[0] = 0.0
    back = np.zeros(count, dtype=np.int64)
    for j in range(1, count):
        first = int(np.searchsorted(frames, frames[j] - most, side="left"))
        last = int(np.searchsorted(frames, frames[j] - least, side="right"))
        if first >= last:
            continue
        before = frames[first:last]
        value = best[first:last] - cost(before, int(frames[j]))
        choice = int(value.argmax())
        best[j] = value[choice] + gain[j]
        back[j] = first + choice
    if not np.isfinite(best[-1]):
        return _even(int(frames[-1]), least, most)
    path = [count - 1]
    while path[-1]:
        path.append(int(back[path[-1]]))
    return [int(frames[i]) for i in reversed(path)]


def _wanted_seconds(energy: Numbers) -> Numbers:
    """How long a scene of this energy should be: calm ones longer, in the range of four to eight seconds
    up to three quarters of the song's loudest, and shorter above."""
    wanted: Numbers = np.interp(energy, [0.4, 0.75, 0.95], [_CALM_SCENE, 4.5, _LOUD_SCENE])
    return wanted


def _length_cost(seconds: Numbers, wanted: Numbers) -> Numbers:
    over = np.maximum(0.0, seconds - 8.0)
    cost: Numbers = _LENGTH_COST * np.log2(seconds / wanted) ** 2 + 0.8 * over**2
    return cost


def _more_pieces(seconds: Numbers, clip_s: float) -> Numbers:
    """In how many more pieces than one clips of these lengths are made."""
    if not clip_s:
        return np.zeros_like(seconds)
    more: Numbers = np.ceil((seconds + _FADE) / clip_s) - 1.0
    return more


def _even(total: int, least: int, most: int) -> list[int]:
    """Scenes of one length, as near to the middle of the allowed lengths as the song lets them be."""
    count = max(1, min(total // least, -(-total // max(least, (least + most) // 2))))
    return [total * i // count for i in range(count + 1)]
