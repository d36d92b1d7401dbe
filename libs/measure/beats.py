"""How near cuts are to beats, and how near cuts at any time would be. Pure."""

from __future__ import annotations

from math import ceil, exp, lgamma, log, log1p
from typing import NamedTuple

import numpy as np

from libs.measure.music import Series

_STEP = 0.001
_BLOCK = 20_000
"""Steps that are looked at at once."""


class Nearness(NamedTuple):
    """The median absolute distance in seconds, and the share that is within each tolerance."""

    median: float
    shares: tuple[float, ...]


def to_beats(times: Series, beats: Series) -> Series:
    """The signed distance of each time to the beat nearest to it; late is positive. Beats rise; there is one."""
    after = np.clip(np.searchsorted(beats, times), 1, max(beats.size - 1, 1))
    before = beats[after - 1]
    next_one = beats[np.minimum(after, beats.size - 1)]
    nearest = np.where(np.abs(times - before) <= np.abs(next_one - times), before, next_one)
    distances: Series = times - nearest
    return distances


def nearness(distances: Series, tolerances: tuple[float, ...]) -> Nearness:
    """Of signed distances."""
    far = np.abs(distances)
    return Nearness(float(np.median(far)), tuple(float((far <= one + 1e-9).mean()) for one in tolerances))


def by_chance(beats: Series, start: float, end: float, tolerances: tuple[float, ...]) -> Nearness:
    """What cuts at any time between two times would show."""
    count = max(ceil((end - start) / _STEP), 1)
    far = np.empty(count, np.float32)
    within = np.zeros(len(tolerances))
    for first in range(0, count, _BLOCK):
        steps = np.arange(first, min(first + _BLOCK, count), dtype=np.float64)
        distances = np.abs(to_beats(start + steps * _STEP, beats))
        far[first : first + steps.size] = distances
        within += np.array([np.count_nonzero(distances <= one + 1e-9) for one in tolerances])
    return Nearness(float(np.median(far)), tuple((within / count).tolist()))


def at_least(hits: int, of: int, share: float) -> float:
    """The chance of at least so many hits, each having this chance (binomial)."""
    if hits <= 0 or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0

    def exactly(k: int) -> float:
        ways = lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1)
        return exp(ways + k * log(share) + (of - k) * log1p(-share))

    return min(1.0, sum(exactly(k) for k in range(hits, of + 1)))
