"""Smooth noise without seams, and dither. All from a seeded generator."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Field: TypeAlias = npt.NDArray[np.float32]
"""Height x width."""


def periodic(rng: np.random.Generator, size: int, detail: float) -> Field:
    """A size x size tile of smooth noise that repeats without a seam: mean 0, deviation 1.

    detail: hills across the tile, about. It is white noise filtered in the Fourier domain.
    """
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    high = np.fft.fftfreq(size, 1.0 / size)[:, None]
    wide = np.fft.rfftfreq(size, 1.0 / size)[None, :]
    spectrum *= np.exp(-(high**2 + wide**2) / (2.0 * detail**2))
    spectrum[0, 0] = 0.0
    tile = np.fft.irfft2(spectrum, s=(size, size))
    return np.asarray(tile / tile.std(), dtype=np.float32)


def periodic_line(rng: np.random.Generator, size: int, lowest: float, slope: float) -> Field:
    """A line of `size` samples that repeats without a seam: mean 0, largest magnitude 1.

    Its spectrum is flat up to `lowest` waves and falls from there with the power `slope`.
    """
    spectrum = np.fft.rfft(rng.standard_normal(size))
    waves = np.arange(len(spectrum), dtype=np.float64)
    spectrum *= (1.0 + (waves / lowest) ** 2) ** (-slope / 2.0)
    spectrum[0] = 0.0
    line = np.fft.irfft(spectrum, n=size)
    return np.asarray(line / np.abs(line).max(), dtype=np.float32)


def dither(rng: np.random.Generator, height: int, width: int) -> Field:
    """Triangular noise of at most 0.6 levels: it hides the steps of a smooth gradient in 8 bits."""
    noise = rng.random((2, height, width), dtype=np.float32)
    return np.asarray((noise[0] - noise[1]) * np.float32(0.6), dtype=np.float32)
