"""How late one recording of a song is against another, by cross-correlation. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

RATE = 22050
REACH_SECONDS = 0.4
"""The largest lag that is looked for, either way."""
BLOCK_SECONDS = 6.0
BLOCKS = 8
SILENT = 1e-4
LIKE = 0.3
"""Below this normalised correlation, the two are not the same song."""


class Lag(NamedTuple):
    """Seconds, late is positive; `likeness` is the normalised correlation there, -1..1."""

    seconds: float
    likeness: float


def is_silent(samples: Samples) -> bool:
    """True when nothing can be heard."""
    return samples.size == 0 or float(np.abs(samples).max()) < SILENT


def lag(reference: Samples, heard: Samples, rate: int = RATE) -> Lag | None:
    """The lag of `heard` against `reference`, mono at `rate` Hz; None when the reference is silent.

    The median over the loudest blocks, each found to a fraction of a sample. Where the music repeats itself, so
    that several lags fit as well, the smallest is meant.
    """
    if is_silent(reference):
        return None
    block = min(int(BLOCK_SECONDS * rate), reference.size)
    starts = np.arange(0, reference.size - block + 1, max(block, 1))
    energy = [float(np.square(reference[at : at + block]).sum()) for at in starts]
    loudest = [int(starts[index]) for index in np.argsort(energy)[::-1][:BLOCKS] if energy[index] > 0]
    found = [_block_lag(reference[at : at + block], at, heard, rate) for at in loudest]
    return Lag(float(np.median([one.seconds for one in found])), float(np.median([one.likeness for one in found])))


def _block_lag(block: Samples, at: int, heard: Samples, rate: int) -> Lag:
    reach = int(REACH_SECONDS * rate)
    window = np.zeros(block.size + 2 * reach, np.float64)
    first, last = max(at - reach, 0), min(at + block.size + reach, heard.size)
    if last > first:
        window[first - (at - reach) : last - (at - reach)] = heard[first:last]
    length = 1 << (window.size + block.size - 1).bit_length()
    spectrum = np.fft.rfft(window, length) * np.conj(np.fft.rfft(block, length))
    products = np.fft.irfft(spectrum, length)[: window.size - block.size + 1]
    power = np.cumsum(np.concatenate([[0.0], np.square(window)]))
    norm = np.sqrt(np.maximum(power[block.size :] - power[: -block.size], 0.0) * float(np.square(block).sum()))
    likeness = np.where(norm > 1e-9, products / np.maximum(norm, 1e-9), 0.0)
    best = float(likeness.max())
    peaks = np.flatnonzero(likeness >= best - 0.01)
    near = int(peaks[np.argmin(np.abs(peaks - reach))])
    span = slice(max(near - 8, 0), near + 9)
    top = span.start + int(np.argmax(likeness[span]))
    return Lag((top + _vertex(likeness, top) - reach) / rate, float(likeness[top]))


def _vertex(values: npt.NDArray[np.float64], top: int) -> float:
    """Where the parabola through a peak and its neighbours has its vertex, -0.5..0.5 from the peak."""
    if not 0 < top < values.size - 1:
        return 0.0
    left, middle, right = values[top - 1 : top + 2]
    bend = left - 2 * middle + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
