"""How late one recording of a song is against another, by cross-correlation. Pure.

Both are heard chunk by chunk: of the first its loudest blocks are kept (`Excerpts`), of the other what is around
the same times (`Beside`).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
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


class Excerpt(NamedTuple):
    """A block of a recording, and the sample at which it begins."""

    at: int
    samples: Samples


class Excerpts:
    """Takes a recording, mono at `rate` Hz, chunk by chunk, and keeps its loudest blocks."""

    def __init__(self, rate: int = RATE) -> None:
        self.rate = rate
        self.size = 0
        """Samples so far."""
        self.peak = 0.0
        """The largest absolute one."""
        self._block = np.zeros(int(BLOCK_SECONDS * rate), np.float32)
        self._kept: list[tuple[float, int, Samples]] = []

    def add(self, samples: Samples) -> None:
        """The next samples."""
        if samples.size:
            self.peak = max(self.peak, float(np.abs(samples).max()))
        while samples.size:
            filled = self.size % self._block.size
            part = samples[: self._block.size - filled]
            self._block[filled : filled + part.size] = part
            self.size += part.size
            samples = samples[part.size :]
            if self.size % self._block.size == 0:
                self._keep(self._block, self.size - self._block.size)

    @property
    def silent(self) -> bool:
        """True when nothing can be heard."""
        return self.peak < SILENT

    def loudest(self) -> list[Excerpt]:
        """The loudest blocks; where none is full, what there is; nothing of silence."""
        if self.silent:
            return []
        if self._kept:
            return [Excerpt(at, block) for _, at, block in self._kept]
        tail = self.size % self._block.size
        return [Excerpt(self.size - tail, self._block[:tail])]

    def _keep(self, block: Samples, at: int) -> None:
        energy = float(np.square(block).sum())
        if energy <= 0 or (len(self._kept) == BLOCKS and (energy, at) < self._kept[0][:2]):
            return
        heapq.heappush(self._kept, (energy, at, block.copy()))
        if len(self._kept) > BLOCKS:
            heapq.heappop(self._kept)


class Beside:
    """Takes another recording chunk by chunk, and keeps what is heard around each excerpt of the first."""

    def __init__(self, excerpts: Sequence[Excerpt], rate: int = RATE) -> None:
        self._rate = rate
        self._reach = int(REACH_SECONDS * rate)
        self._excerpts = [(one, np.zeros(one.samples.size + 2 * self._reach, np.float32)) for one in excerpts]
        self._size = 0

    def add(self, samples: Samples) -> None:
        """The next samples."""
        begin, end = self._size, self._size + samples.size
        for excerpt, window in self._excerpts:
            start = excerpt.at - self._reach
            first, last = max(begin, start), min(end, start + window.size)
            if first < last:
                window[first - start : last - start] = samples[first - begin : last - begin]
        self._size = end

    def lag(self) -> Lag | None:
        """The lag of this recording against the first; None when that has no excerpts.

        The median over the excerpts, each found to a fraction of a sample. Where the music repeats itself, so
        that several lags fit as well, the smallest is meant.
        """
        if not self._excerpts:
            return None
        found = [_best(excerpt.samples, window, self._reach) for excerpt, window in self._excerpts]
        steps = float(np.median([one[0] / self._rate for one in found]))
        return Lag(steps, float(np.median([one[1] for one in found])))


def _best(block: Samples, window: Samples, reach: int) -> tuple[float, float]:
    """How many samples late the block is in the window, which begins `reach` before it, and how alike there."""
    around = window.astype(np.float64)
    length = 1 << (window.size + block.size - 1).bit_length()
    spectrum = np.fft.rfft(around, length) * np.conj(np.fft.rfft(block, length))
    products = np.fft.irfft(spectrum, length)[: window.size - block.size + 1]
    power = np.cumsum(np.concatenate([[0.0], np.square(around)]))
    norm = np.sqrt(np.maximum(power[block.size :] - power[: -block.size], 0.0) * float(np.square(block).sum()))
    likeness = np.where(norm > 1e-9, products / np.maximum(norm, 1e-9), 0.0)
    best = float(likeness.max())
    peaks = np.flatnonzero(likeness >= best - 0.01)
    near = int(peaks[np.argmin(np.abs(peaks - reach))])
    span = slice(max(near - 8, 0), near + 9)
    top = span.start + int(np.argmax(likeness[span]))
    return top + _vertex(likeness, top) - reach, float(likeness[top])


def _vertex(values: npt.NDArray[np.float64], top: int) -> float:
    """Where the parabola through a peak and its neighbours has its vertex, -0.5..0.5 from the peak."""
    if not 0 < top < values.size - 1:
        return 0.0
    left, middle, right = values[top - 1 : top + 2]
    bend = left - 2 * middle + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
