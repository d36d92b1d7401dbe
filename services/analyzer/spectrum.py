"""From samples to what the other modules measure on: mel bands, chroma, loudness. Pure numpy and scipy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

Array = npt.NDArray[np.float32]

RATE = 24000
"""Samples a second that the analysis works at: `HOP` and `SLOW_HOP` then are whole times."""
HOP = 240
FPS = RATE / HOP
"""Frames a second of the fast features: 100."""
SLOW_HOP = 2400
SLOW_FPS = RATE / SLOW_HOP
"""Frames a second of the slow features: 10."""

_FAST_SIZE = 1024
_SLOW_SIZE = 8192
_BLOCK = 2000
MELS = 64


@dataclass(frozen=True)
class Spectra:
    """The features of one song. Row i is centred on the time i / FPS (fast) or i / SLOW_FPS (slow)."""

    mel: Array
    """(frames, MELS): log-compressed mel magnitudes, fast."""
    rms: Array
    """(frames,): root mean square of the samples, fast; full scale is 1."""
    chroma: Array
    """(slow frames, 12): energy of the pitch classes from C, slow, not normalised."""
    bass: Array
    """(slow frames, 12): the same below 260 Hz."""
    centroid: Array
    """(slow frames,): spectral centroid in Hz, 0 where it is silent."""
    tuning: float
    """Deviation from A = 440 Hz, in semitones, -0.5..0.5."""

    @property
    def duration(self) -> float:
        """Seconds that the fast frames cover."""
        return len(self.rms) / FPS


def mel_of_hz(hz: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    """The mel scale of O'Shaughnessy: 2595 log10(1 + f/700)."""
    return 2595.0 * np.log10(1.0 + np.asarray(hz, dtype=np.float64) / 700.0)


@lru_cache(maxsize=4)
def mel_bank(size: int, rate: int, bands: int, low: float, high: float) -> Array:
    """(bins, bands): triangles of equal width on the mel scale, each of unit sum."""
    edges = np.linspace(float(mel_of_hz(low)), float(mel_of_hz(high)), bands + 2)
    hz = 700.0 * (10.0 ** (edges / 2595.0) - 1.0)
    bins = np.arange(size // 2 + 1) * rate / size
    up = (bins[:, None] - hz[None, :-2]) / (hz[1:-1] - hz[:-2])
    down = (hz[None, 2:] - bins[:, None]) / (hz[2:] - hz[1:-1])
    bank = np.maximum(0.0, np.minimum(up, down))
    total = bank.sum(axis=0)
    nearest = np.abs(bins[:, None] - hz[None, 1:-1]).argmin(axis=0)
    for band in np.flatnonzero(total <= 0.0):
        bank[nearest[band], band] = 1.0
    unit: Array = (bank / bank.sum(axis=0)).astype(np.float32)
    return unit


def spectra(samples: Array) -> Spectra:
    """All features of mono samples at RATE. Loudness is normalised first, so a quiet master is the same."""
    if not len(samples):
        samples = np.zeros(1, dtype=np.float32)
    level = _level(samples)
    mel, rms = _fast(samples, 1.0 / level)
    chroma, bass, centroid, tuning = _slow(samples, 1.0 / level)
    return Spectra(mel=mel, rms=rms, chroma=chroma, bass=bass, centroid=centroid, tuning=tuning)


def _level(samples: Array) -> float:
    """A loud moment's RMS: the 95th percentile over half seconds; 1 for silence."""
    size = RATE // 2
    count = max(1, len(samples) // size)
    blocks = samples[: count * size].reshape(count, -1) if len(samples) >= size else samples[None, :]
    power = np.array([float(np.mean(np.square(block, dtype=np.float64))) for block in blocks])
    level = float(np.sqrt(np.percentile(power, 95)))
    return level if level > 1e-5 else 1.0


def _frames(samples: Array, size: int, hop: int, first: int, last: int) -> Array:
    """(last - first, size): frames centred on i * hop, zeros outside the song."""
    start, stop = first * hop - size // 2, (last - 1) * hop + size // 2
    chunk = np.zeros(stop - start, dtype=np.float32)
    inside = samples[max(0, start) : max(0, stop)]
    offset = max(0, -start)
    chunk[offset : offset + len(inside)] = inside
    return np.lib.stride_tricks.sliding_window_view(chunk, size)[::hop]


def _fast(samples: Array, gain: float) -> tuple[Array, Array]:
    count = max(1, -(-len(samples) // HOP))
    mel = np.empty((count, MELS), dtype=np.float32)
    rms = np.empty(count, dtype=np.float32)
    window = np.hanning(_FAST_SIZE).astype(np.float32)
    window /= window.sum() / 2
    bank = mel_bank(_FAST_SIZE, RATE, MELS, 30.0, 11000.0)
    for first in range(0, count, _BLOCK):
        last = min(count, first + _BLOCK)
        frames = _frames(samples, _FAST_SIZE, HOP, first, last)
        rms[first:last] = np.sqrt(np.mean(np.square(frames), axis=1))
        magnitude = np.abs(fft.rfft(frames * window, axis=1))
        mel[first:last] = np.log1p(1000.0 * gain * (magnitude @ bank))
    return mel, rms


def _slow(samples: Array, gain: float) -> tuple[Array, Array, Array, float]:
    count = max(1, -(-len(samples) // SLOW_HOP))
    window = np.hanning(_SLOW_SIZE).astype(np.float32)
    window /= window.sum() / 2
    bins = np.arange(_SLOW_SIZE // 2 + 1) * RATE / _SLOW_SIZE
    # Pitches are kept at a tenth of a semitone until the whole song has told its tuning.
    keep = (bins >= 55.0) & (bins <= 4200.0)
    tenths = np.rint(120.0 * np.log2(bins[keep] / 440.0)).astype(int)
    tenths -= int(tenths.min())
    lowest = int(np.rint(120.0 * np.log2(bins[keep][0] / 440.0)))
    fine = np.zeros((count, int(tenths.max()) + 1), dtype=np.float32)
    centroid = np.zeros(count, dtype=np.float32)
    for first in range(0, count, 250):
        last = min(count, first + 250)
        frames = _frames(samples, _SLOW_SIZE, SLOW_HOP, first, last)
        magnitude = gain * np.abs(fft.rfft(frames * window, axis=1))
        total = magnitude.sum(axis=1)
        centroid[first:last] = np.where(total > 1e-3, (magnitude @ bins) / np.maximum(total, 1e-9), 0.0)
        peaks, offsets = _peaks(magnitude[:, keep])
        rows, columns = np.nonzero(peaks)
        hz = bins[keep][columns] + offsets[rows, columns] * RATE / _SLOW_SIZE
        pitch = np.rint(120.0 * np.log2(hz / 440.0)).astype(int) - lowest
        np.add.at(fine, (first + rows, np.clip(pitch, 0, fine.shape[1] - 1)), np.sqrt(peaks[rows, columns]))
    tuning = _tuning(fine, lowest)
    semitone = np.rint((np.arange(fine.shape[1]) + lowest) / 10.0 - tuning).astype(int)
    classes = (semitone + 9) % 12
    fold = np.zeros((fine.shape[1], 12), dtype=np.float32)
    fold[np.arange(fine.shape[1]), classes] = 1.0
    low = fold * (semitone < -9)[:, None]
    return fine @ fold, fine @ low, centroid, tuning


def _peaks(magnitude: Array) -> tuple[Array, Array]:
    """Height of each local maximum (0 elsewhere), and its offset in bins from a parabola through three points."""
    peaks = np.zeros_like(magnitude)
    offsets = np.zeros_like(magnitude)
    left, middle, right = magnitude[:, :-2], magnitude[:, 1:-1], magnitude[:, 2:]
    floor = 0.003 * magnitude.max(axis=1, keepdims=True) + 1e-6
    top = (middle > left) & (middle >= right) & (middle > floor)
    peaks[:, 1:-1] = np.where(top, middle, 0.0)
    curve = left - 2.0 * middle + right
    offsets[:, 1:-1] = np.where(top, 0.5 * (left - right) / np.minimum(curve, -1e-12), 0.0)
    return peaks, offsets


def _tuning(fine: Array, lowest: int) -> float:
    """The tenth of a semitone around which the peaks gather, as a circular mean, in semitones."""
    weight = fine.sum(axis=0, dtype=np.float64)
    angle = 2.0 * np.pi * (np.arange(len(weight)) + lowest) / 10.0
    mean = np.sum(weight * np.exp(1j * angle))
    if abs(mean) < 1e-9 or abs(mean) < 0.1 * weight.sum():
        return 0.0
    return float(np.angle(mean) / (2.0 * np.pi))
