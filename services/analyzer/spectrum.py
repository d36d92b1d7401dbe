"""From samples to what the other modules measure on: mel bands, chroma, loudness. Pure numpy and scipy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import fft

from services.analyzer.tape import Array, Rows, Tape, blocks

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
_BLOCK, _SLOW_BLOCK = 500, 64
"""Frames that are measured at once, fast and slow."""
MELS = 64


@dataclass(frozen=True)
class Spectra:
    """The features of one song. Row i is centred on the time i / FPS (fast) or i / SLOW_FPS (slow)."""

    mel: Rows
    """(frames, MELS): log-compressed mel magnitudes, fast. On tape: read it once, in blocks."""
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


def spectra(samples: Rows, folder: Path | None = None) -> Spectra:
    """All features of mono samples at RATE. Loudness is normalised first, so a quiet master is the same.

    What is long is kept in files in `folder`; None: where the system keeps such files.
    """
    if not len(samples):
        samples = np.zeros(1, dtype=np.float32)
    level = _level(samples)
    mel, rms = _fast(samples, 1.0 / level, Tape(folder, MELS))
    chroma, bass, centroid, tuning = _slow(samples, 1.0 / level, folder)
    return Spectra(mel=mel, rms=rms, chroma=chroma, bass=bass, centroid=centroid, tuning=tuning)


def _level(samples: Rows) -> float:
    """A loud moment's RMS: the 95th percentile over half seconds; 1 for silence."""
    size = min(RATE // 2, len(samples))
    halves = (samples[first : first + size] for first in range(0, len(samples) - size + 1, size))
    power = np.array([float(np.mean(np.square(half, dtype=np.float64))) for half in halves])
    level = float(np.sqrt(np.percentile(power, 95)))
    return level if level > 1e-5 else 1.0


def _frames(samples: Rows, size: int, hop: int, first: int, last: int) -> Array:
    """(last - first, size): frames centred on i * hop, zeros outside the song."""
    start, stop = first * hop - size // 2, (last - 1) * hop + size // 2
    chunk = np.zeros(stop - start, dtype=np.float32)
    inside = samples[max(0, start) : max(0, stop)]
    offset = max(0, -start)
    chunk[offset : offset + len(inside)] = inside
    return np.lib.stride_tricks.sliding_window_view(chunk, size)[::hop]


def _fast(samples: Rows, gain: float, mel: Tape) -> tuple[Tape, Array]:
    count = max(1, -(-len(samples) // HOP))
    rms = np.empty(count, dtype=np.float32)
    window = np.hanning(_FAST_SIZE).astype(np.float32)
    window /= window.sum() / 2
    bank = mel_bank(_FAST_SIZE, RATE, MELS, 30.0, 11000.0)
    for first in range(0, count, _BLOCK):
        last = min(count, first + _BLOCK)
        frames = _frames(samples, _FAST_SIZE, HOP, first, last)
        rms[first:last] = np.sqrt(np.mean(np.square(frames), axis=1))
        magnitude = np.abs(fft.rfft(frames * window, axis=1))
        mel.append(np.log1p(1000.0 * gain * (magnitude @ bank)))
    return mel, rms


def _slow(samples: Rows, gain: float, folder: Path | None) -> tuple[Array, Array, Array, float]:
    """Chroma, bass, centroid and tuning."""
    fine, lowest, centroid = _fine(samples, gain, folder)
    tuning = _tuning(fine, lowest)
    width = fine[:1].shape[1]
    semitone = np.rint((np.arange(width) + lowest) / 10.0 - tuning).astype(int)
    classes = (semitone + 9) % 12
    fold = np.zeros((width, 12), dtype=np.float32)
    fold[np.arange(width), classes] = 1.0
    low = fold * (semitone < -9)[:, None]
    chroma = np.concatenate([block @ fold for block in blocks(fine, _SLOW_BLOCK)])
    bass = np.concatenate([block @ low for block in blocks(fine, _SLOW_BLOCK)])
    return chroma, bass, centroid, tuning


def _fine(samples: Rows, gain: float, folder: Path | None) -> tuple[Tape, int, Array]:
    """(slow frames, tenths): how strong each pitch is; the lowest, in tenths of a semitone from A; the centroid.

    Pitches are kept at a tenth of a semitone until the whole song has told its tuning.
    """
    count = max(1, -(-len(samples) // SLOW_HOP))
    window = np.hanning(_SLOW_SIZE).astype(np.float32)
    window /= window.sum() / 2
    bins = np.arange(_SLOW_SIZE // 2 + 1) * RATE / _SLOW_SIZE
    keep = (bins >= 55.0) & (bins <= 4200.0)
    lowest, highest = (int(np.rint(120.0 * np.log2(hz / 440.0))) for hz in bins[keep][[0, -1]])
    width = highest - lowest + 1
    fine = Tape(folder, width)
    centroid = np.zeros(count, dtype=np.float32)
    for first in range(0, count, _SLOW_BLOCK):
        last = min(count, first + _SLOW_BLOCK)
        frames = _frames(samples, _SLOW_SIZE, SLOW_HOP, first, last)
        magnitude = gain * np.abs(fft.rfft(frames * window, axis=1))
        total = magnitude.sum(axis=1)
        centroid[first:last] = np.where(total > 1e-3, (magnitude @ bins) / np.maximum(total, 1e-9), 0.0)
        peaks, offsets = _peaks(magnitude[:, keep])
        rows, columns = np.nonzero(peaks)
        hz = bins[keep][columns] + offsets[rows, columns] * RATE / _SLOW_SIZE
        pitch = np.rint(120.0 * np.log2(hz / 440.0)).astype(int) - lowest
        block = np.zeros((last - first, width), dtype=np.float32)
        np.add.at(block, (rows, np.clip(pitch, 0, width - 1)), np.sqrt(peaks[rows, columns]))
        fine.append(block)
    return fine, lowest, centroid


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


def _tuning(fine: Rows, lowest: int) -> float:
    """The tenth of a semitone around which the peaks gather, as a circular mean, in semitones."""
    weight = np.sum([block.sum(axis=0, dtype=np.float64) for block in blocks(fine, _SLOW_BLOCK)], axis=0)
    angle = 2.0 * np.pi * (np.arange(len(weight)) + lowest) / 10.0
    mean = np.sum(weight * np.exp(1j * angle))
    if abs(mean) < 1e-9 or abs(mean) < 0.1 * weight.sum():
        return 0.0
    return float(np.angle(mean) / (2.0 * np.pi))
