"""What can be followed in a song: its onsets and its energy, heard from samples as they come. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from libs.measure.music import DECAY_SECONDS, RATE, SLOW_SECONDS, Music, Series, decayed, smooth

Samples = npt.NDArray[np.float32]

_WINDOW = 1024
_BLOCK = 500
"""Windows that are measured at once."""


class Ear:
    """Takes mono samples at `rate` Hz chunk by chunk; of what is heard it keeps 1.6 kB a second."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._hop = round(rate / RATE / 2)
        self._shape = np.hanning(_WINDOW).astype(np.float32)
        self._bands = _bands(rate)
        self._before = np.zeros((2, self._bands.shape[1]), np.float32)
        self._flux: list[Series] = []
        self._power: list[Series] = []
        self._windows = 0
        self._size = 0
        self._held = [np.zeros(_WINDOW // 2, np.float32)]
        self._held_size = _WINDOW // 2

    def add(self, samples: Samples) -> None:
        """The next samples."""
        self._size += samples.size
        self._held.append(samples)
        self._held_size += samples.size
        need = (_BLOCK - 1) * self._hop + _WINDOW + self._hop
        if self._held_size < need:
            return
        held = np.concatenate(self._held)
        while held.size >= need:
            self._measure(held, _BLOCK)
            held = held[_BLOCK * self._hop :]
        self._held, self._held_size = [held.copy()], held.size

    def music(self) -> Music:
        """What was heard in all of them. Ends the hearing."""
        left = max(self._size // self._hop, 1) - self._windows
        held = np.concatenate([*self._held, np.zeros(_WINDOW // 2 + self._hop, np.float32)])
        while left > 0:
            count = min(left, _BLOCK)
            self._measure(held, count)
            held = held[count * self._hop :]
            left -= count
        rate = self._rate / self._hop
        felt = decayed(_resampled(np.concatenate(self._flux), rate), DECAY_SECONDS)
        level = smooth(_resampled(np.concatenate(self._power), rate), SLOW_SECONDS / 4)
        return Music(felt, np.power(np.maximum(level, 0), 0.3))

    def _measure(self, held: Samples, count: int) -> None:
        """The first windows of what is held."""
        block = np.lib.stride_tricks.sliding_window_view(held, _WINDOW)[:: self._hop][:count]
        spectrum = np.abs(np.fft.rfft(block * self._shape, axis=1)).astype(np.float32)
        level = np.log1p(10 * (spectrum @ self._bands))
        rise = np.maximum(level - np.concatenate([self._before, level])[:count], 0)
        self._flux.append(rise.mean(axis=1).astype(np.float64))
        self._power.append(np.square(block).mean(axis=1).astype(np.float64))
        self._before = level[-2:] if count > 1 else np.concatenate([self._before[1:], level])
        self._windows += count


def hear(samples: Samples, rate: int) -> Music:
    """Onsets and energy of mono samples at `rate` Hz."""
    ear = Ear(rate)
    ear.add(samples)
    return ear.music()


def _bands(rate: int) -> npt.NDArray[np.float32]:
    """(bins, 24): triangles of equal width in octaves from 60 Hz to 9 kHz."""
    hz = np.fft.rfftfreq(_WINDOW, 1 / rate)
    edges = np.geomspace(60, min(9000, rate / 2), 26)
    up = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    bands = np.maximum(np.minimum(up, down), 0)
    even: npt.NDArray[np.float32] = (bands / np.maximum(bands.sum(axis=0), 1)).astype(np.float32)
    return even


def _resampled(values: Series, rate: float) -> Series:
    at = np.arange(max(int(values.size / rate * RATE), 1)) / RATE
    return np.interp(at, np.arange(values.size) / rate, smooth(values, 0.4 / RATE, rate))
