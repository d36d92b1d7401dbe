"""How loud a voice is made: one gain for all sentences, and a limiter for the few peaks that stand out. Pure.

The limiter turns down smoothly over a few periods of the voice's pitch, so that it can't be heard at work.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]

BLOCK = 16
"""Samples whose peaks are taken as one."""
_TAPS = 16
_PHASES = (0.25, 0.5, 0.75)
"""Between two samples, where peaks are looked for too."""
HOLDS = (60, 12, 3)
"""Blocks before and after a peak that are turned down with it: 20, 4 and 1 ms at 48 kHz. The shorter, the louder a
sound can be, and the more it is changed: only very short ones need less than the first."""


class Level(NamedTuple):
    """What is done to all sentences."""

    gain: float
    ceiling: float
    """As a magnitude."""
    hold: int
    """Of `HOLDS`."""


def true_peaks(sound: Sound) -> Curve:
    """(blocks,): the largest magnitude within each block, between samples too (oversampled four times)."""
    largest = np.abs(sound)
    taps = np.arange(-_TAPS, _TAPS + 1)
    for phase in _PHASES:
        place = taps + phase
        kernel = np.sinc(place) * np.cos(np.pi * place / (2 * _TAPS + 2)) ** 2
        between = np.convolve(sound, kernel.astype(np.float32))[_TAPS : _TAPS + len(sound)]
        np.maximum(largest, np.abs(between), out=largest)
    peaks: Curve = np.pad(largest, (0, -len(sound) % BLOCK)).reshape(-1, BLOCK).max(axis=1).astype(np.float64)
    return peaks


def turned_down(peaks: Curve, level: Level) -> Curve | None:
    """(blocks,): what to multiply with, besides the gain, so that no peak exceeds the ceiling; None: all by 1."""
    gain, ceiling, hold = level
    if gain * float(peaks.max(initial=0.0)) <= ceiling:
        return None
    needed = ceiling / np.maximum(gain * peaks, ceiling)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(needed, hold, constant_values=1.0), 2 * hold + 1)
    held = around.min(axis=1)
    window = np.hanning(2 * hold + 1)[1:-1]
    return np.convolve(np.pad(held, hold - 1, mode="edge"), window / window.sum(), mode="valid")


def leveled(sound: Sound, peaks: Curve, level: Level) -> Sound:
    """The sound with its gain, below the ceiling. peaks: its `true_peaks`."""
    down = turned_down(peaks, level)
    if down is None:
        return sound * np.float32(level.gain)
    middles = BLOCK * np.arange(len(down)) + (BLOCK - 1) / 2
    curve = np.interp(np.arange(len(sound)), middles, level.gain * down)
    return (sound * curve).astype(np.float32)
