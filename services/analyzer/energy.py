"""Loudness as it is felt, the waveform's outline and how bright the song sounds. Pure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import ndimage

from services.analyzer.spectrum import FPS, SLOW_FPS, Spectra
from services.analyzer.tape import Array, Rows

SILENCE = 10.0 ** (-70.0 / 20.0)
"""RMS below which nothing is heard: -70 dB of full scale."""
_SMOOTHING = 1.3
"""Seconds over which loudness is felt as one."""
PEAKS = 1500


def is_silent(heard: Spectra) -> bool:
    """True when no moment of the song can be heard."""
    return bool(heard.rms.max(initial=0.0) < SILENCE)


def curve(heard: Spectra) -> Array:
    """(slow frames,): loudness 0..1 within the song, at 10 Hz; zeros for silence.

    The power is smoothed, then compressed as hearing does (Stevens: power ** 0.3, loudness in sones).
    """
    count = max(1, round(len(heard.rms) * SLOW_FPS / FPS))
    if is_silent(heard):
        return np.zeros(count, dtype=np.float32)
    power = ndimage.gaussian_filter1d(np.square(heard.rms, dtype=np.float64), _SMOOTHING * FPS / 4.0)
    step = int(FPS / SLOW_FPS)
    sones = np.power(power[::step][:count], 0.3)
    top = float(np.percentile(sones, 99))
    felt: Array = np.clip(sones / top, 0.0, 1.0).astype(np.float32)
    return felt


def peaks(samples: Rows, count: int = PEAKS) -> Array:
    """(count or fewer,): the largest absolute sample of each of `count` equal spans, 0..1 of the song's largest."""
    if not len(samples):
        return np.zeros(0, dtype=np.float32)
    count = min(count, len(samples))
    bounds = (np.arange(count + 1) * len(samples) // count).tolist()
    outline = np.array([np.abs(samples[start:end]).max() for start, end in pairwise(bounds)])
    top = float(outline.max())
    return (outline / top if top > SILENCE else np.zeros_like(outline)).astype(np.float32)


def brightness(heard: Spectra) -> float:
    """0..1: where the spectrum's centre lies between 800 Hz and 5 kHz, over the loud half; 0.5 for silence."""
    loud = heard.centroid[heard.centroid > 0.0]
    if is_silent(heard) or not len(loud):
        return 0.5
    place = np.log2(float(np.median(loud)) / 800.0) / np.log2(5000.0 / 800.0)
    return float(np.clip(place, 0.0, 1.0))
