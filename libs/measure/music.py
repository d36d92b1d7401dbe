"""How far picture and music move together: correlation with the song's onsets and its energy. Pure.

Both sides are freed of what is slower than a beat before they are compared with the onsets, and of all that is
faster before they are compared with the energy. A picture may answer a little early or late, so the best lag
within 100 ms counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]

RATE = 50.0
"""Steps a second on which music and picture are laid side by side."""
LAG_SECONDS = 0.1
QUICK_SECONDS = 0.06
"""Standard deviation of the window that smooths what is compared with onsets."""
BEAT_SECONDS = 0.75
"""That of the window whose mean is taken away: slower change is no pulse."""
SLOW_SECONDS = 1.3
"""That of the window that smooths what is compared with the energy."""
DECAY_SECONDS = 0.2
"""How long a hit is felt."""

_LEAST_SECONDS = 4.0
_EVEN = 1e-6
"""Standard deviation below which nothing changes in a scene."""
_LEAST_SLOW_SECONDS = 15.0
"""Energy changes too slowly for less than this to tell anything."""


class Music(NamedTuple):
    """What a picture can follow, `RATE` steps a second from 0 s on."""

    onsets: Series
    """How strongly something begins, felt for a moment."""
    energy: Series
    """Loudness as it is felt: power to the 0.3, over about a second."""
    beats: Series | None = None
    """The beats by their strength, felt for a moment; None where they aren't known."""


class Followed(NamedTuple):
    """Correlations -1..1; None where either side doesn't change or the video is too short."""

    onsets: float | None
    energy: float | None
    lag_ms: float | None
    """How late the picture answers the beats, or else the onsets, for the best correlation."""
    beats: float | None = None


def with_beats(music: Music, times: Series, strengths: Series) -> Music:
    """The same music with its beats at these seconds, of strengths 0..1."""
    hits = np.zeros(music.onsets.size)
    steps = np.rint(times * RATE).astype(int)
    inside = (steps >= 0) & (steps < hits.size)
    np.add.at(hits, steps[inside], 0.3 + 0.7 * strengths[inside])
    return music._replace(beats=decayed(hits, DECAY_SECONDS)[: hits.size])


def decayed(values: Series, seconds: float) -> Series:
    """Each value is felt for a while, less and less."""
    kernel = np.exp(-np.arange(round(6 * seconds * RATE)) / (seconds * RATE))
    return np.convolve(values, kernel)[: values.size]


def smooth(values: Series, seconds: float, rate: float = RATE) -> Series:
    """The mean under a bell of this standard deviation; at the ends, of what there is."""
    reach = min(round(3 * seconds * rate), max(values.size - 1, 0))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(seconds * rate, 1e-9)) ** 2)
    total = np.convolve(values, bell)[reach : reach + values.size]
    return np.asarray(total / np.convolve(np.ones(values.size), bell)[reach : reach + values.size], np.float64)


def follow(times: Series, values: Series, passed: Sequence[tuple[float, float]], music: Music) -> Followed:
    """How far frames' `values` at `times` (seconds, rising) follow the music.

    The spans of time that are `passed` over hold cuts and crossfades, in order: a change of scene is no motion
    in it, and what differs from scene to scene is no pulse: each scene counts by how long it is, not by how much
    moves in it.
    """
    if times.size < 2 or times[-1] - times[0] < _LEAST_SECONDS:
        return Followed(None, None, None)
    scene = np.searchsorted([start for start, _ in passed], times, "right")
    used = np.ones(times.size, bool)
    level = values.copy()
    for start, end in passed:
        used[np.searchsorted(times, start - 1e-6) : np.searchsorted(times, end - 1e-6)] = False
    for number in np.unique(scene):
        inside = scene == number
        if (inside & used).any():
            level[inside] -= values[inside & used].mean()
            level[inside] /= max(float(level[inside & used].std()), _EVEN)
    if used.sum() < 2:
        return Followed(None, None, None)
    size = min(int(times[-1] * RATE) + 1, music.onsets.size)
    grid = np.arange(size) / RATE
    seen = _quick(np.interp(grid, times[used], level[used]))
    onsets, lag = _at_best_lag(seen, _quick(music.onsets[:size]))
    beats = None
    if music.beats is not None:
        beats, lag = _at_best_lag(seen, _quick(music.beats[:size]))
    energy = None
    if size >= _LEAST_SLOW_SECONDS * RATE:
        slow = smooth(np.interp(grid, times[used], values[used]), SLOW_SECONDS)
        energy = _correlation(slow, smooth(music.energy[:size], SLOW_SECONDS))
    return Followed(onsets, energy, None if lag is None else lag / RATE * 1000, beats)


def _at_best_lag(seen: Series, heard: Series) -> tuple[float | None, int | None]:
    """The best correlation, and by how many steps `seen` is late then."""
    best: float | None = None
    lag: int | None = None
    reach = round(LAG_SECONDS * RATE)
    for shift in sorted(range(-reach, reach + 1), key=abs):
        early, late = max(-shift, 0), max(shift, 0)
        found = _correlation(seen[late : seen.size - early], heard[early : heard.size - late])
        if found is not None and (best is None or found > best):
            lag, best = shift, found
    return best, lag


def _quick(values: Series) -> Series:
    return smooth(values, QUICK_SECONDS) - smooth(values, BEAT_SECONDS)


def _correlation(one: Series, other: Series) -> float | None:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum() / size) if size > 1e-9 else None
