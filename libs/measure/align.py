"""Where in one recording another one lies, however far off: by their onsets. Pure."""

from __future__ import annotations

import numpy as np

from libs.measure.music import BEAT_SECONDS, RATE, Series, smooth

LEAST_OVERLAP = 4.0
"""Seconds that two recordings have to share."""


def offset(song: Series, heard: Series) -> float:
    """Seconds by which `heard` is later than `song`, both onset curves at `RATE`; 0 when nothing fits."""
    one, other = (values - smooth(values, BEAT_SECONDS) for values in (song, heard))
    least = min(round(LEAST_OVERLAP * RATE), one.size, other.size)
    if least < 2:
        return 0.0
    length = 1 << (one.size + other.size).bit_length()
    products = np.fft.irfft(np.fft.rfft(other, length) * np.conj(np.fft.rfft(one, length)), length)
    lags = np.arange(-(one.size - least), other.size - least + 1)
    first, last = np.maximum(-lags, 0), np.minimum(one.size, other.size - lags)
    norm = np.sqrt(_power(one, first, last) * _power(other, first + lags, last + lags))
    # An overlap that is short fits by chance: the longer one counts more.
    weight = np.sqrt((last - first) / min(one.size, other.size))
    likeness = np.where(norm > 1e-9, products[lags % length] / np.maximum(norm, 1e-9), 0.0) * weight
    return float(lags[int(np.argmax(likeness))] / RATE) if likeness.max() > 0 else 0.0


def _power(values: Series, first: Series, last: Series) -> Series:
    total = np.concatenate([[0.0], np.cumsum(np.square(values))])
    power: Series = total[last] - total[first]
    return power
