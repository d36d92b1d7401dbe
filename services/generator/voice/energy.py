"""How lively a sentence sounds, moment by moment: what pictures move with. Pure.

It is that of the sentence alone, within itself: another one beside it changes nothing. Where slots touch it is
always the same, so that it goes on evenly from one sentence to the next.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STEPS = 10
"""Values a second."""
REST = 0.25
"""Where slots touch, and where nothing is said."""
_FINE = 10
"""Spans of sound for each value."""
_SMOOTHING = 0.3
"""Seconds: faster changes would flicker in the picture."""
_RAMP_S = 0.4
"""Within which it leaves and reaches its rest."""


def energy_of(sound: npt.NDArray[np.float32], slot: int, rate: int) -> tuple[float, ...]:
    """0..1, `STEPS` values for each second of the slot, from its first sample on.

    sound: the sentence, from the slot's first sample on. slot: its samples.
    """
    count = -(-slot * STEPS // rate)
    at = np.arange(count) / STEPS
    from_ends = np.minimum(at, np.maximum(slot / rate - at, 0.0))
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.minimum(from_ends / _RAMP_S, 1.0))
    felt = _felt(sound, count, rate)
    return tuple(np.round(REST + (felt - REST) * ramp, 3).tolist())


def _felt(sound: npt.NDArray[np.float32], count: int, rate: int) -> npt.NDArray[np.float64]:
    """(count,): smoothed power, compressed as hearing does (Stevens), against the sentence's own largest."""
    if not len(sound):
        return np.full(count, REST)
    span = rate // (STEPS * _FINE)
    fine = np.zeros(count * _FINE * span)
    fine[: len(sound)] = np.square(sound[: len(fine)], dtype=np.float64)
    reach = round(3 * _SMOOTHING * _FINE * STEPS)
    places = np.arange(-reach, reach + 1) / (_FINE * STEPS)
    window = np.exp(-np.square(places / _SMOOTHING) / 2)
    power = np.convolve(fine.reshape(-1, span).mean(axis=1), window / window.sum())[reach:-reach]
    sones = np.power(power[::_FINE], 0.3)
    felt: npt.NDArray[np.float64] = sones / sones.max()
    return felt
