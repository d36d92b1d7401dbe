"""Where somebody speaks in a sound, by the sound alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.e2e.watch import RATE

STEP_S = 0.01
QUIET_DB = -42.0
"""Below the loudest tenth of a second, where nobody speaks."""
SHORTEST_S = 0.18
"""A silence that is a pause, and no consonant."""


@dataclass(frozen=True)
class Spoken:
    """A stretch of speech between two pauses, in seconds."""

    start: float
    end: float


def levels(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """dB of each hundredth of a second, against the loudest ones."""
    size = round(STEP_S * RATE)
    parts = sound[: len(sound) // size * size].reshape(-1, size)
    power: NDArray[np.float64] = 10 * np.log10((parts**2).mean(axis=1) + 1e-12)
    return np.asarray(power - np.percentile(power, 95))


def spoken(sound: NDArray[np.float64]) -> list[Spoken]:
    """All stretches of speech, in order. `sound` is mono at `RATE`."""
    loud = np.flatnonzero(levels(sound) > QUIET_DB)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) * STEP_S > SHORTEST_S)
    starts = loud[np.concatenate(([0], breaks + 1))]
    ends = loud[np.concatenate((breaks, [len(loud) - 1]))]
    return [Spoken(first * STEP_S, (last + 1) * STEP_S) for first, last in zip(starts, ends, strict=True)]
