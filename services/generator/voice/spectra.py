"""What a sound is made of, moment by moment, and when it is silent. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.generator.voice.port import Sound

Floats = npt.NDArray[np.float32]
Moments = npt.NDArray[np.int64]
Loud = npt.NDArray[np.bool_]

STEP_S = 0.01
"""From one moment to the next."""
WINDOW_S = 0.025
LOWEST_HZ, HIGHEST_HZ = 80.0, 9000.0
BANDS = 26
FLOOR = 1e-4
"""Of the loudest moment's power: what is below is silence. 40 dB."""
PAUSE = 15
"""Moments of silence that no word has in it."""
_BLOCK = 2000
_LOUD, _OVER_NOISE = 3 * FLOOR, 2.5
"""What is said is so loud, beside the loudest moment, and so many times louder than the quiet ones."""
_NOISE = 0.01
"""Of the loudest moment: quiet moments that are louder are not the noise of a room, but speech."""


class Spectra(NamedTuple):
    """Power by moment and frequency, shape (moments, bins)."""

    power: Floats
    hz: Floats
    """Of each bin, up to HIGHEST_HZ."""


def spectra(sound: Sound, rate: int) -> Spectra:
    """Those of a sound; moment n is centred on n times STEP_S."""
    size = max(int(WINDOW_S * rate), 2)
    length = 1 << (size - 1).bit_length()
    count = int(len(sound) / rate / STEP_S) + 1
    hz = np.fft.rfftfreq(length, 1 / rate)
    kept = int(np.searchsorted(hz, HIGHEST_HZ, "right"))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(sound, (size // 2, size)), size)
    begins = np.round(np.arange(count) * STEP_S * rate).astype(np.int64)
    shape = np.hanning(size)
    power = np.empty((count, kept), np.float32)
    for at in range(0, count, _BLOCK):
        block = np.fft.rfft(windows[begins[at : at + _BLOCK]] * shape, length, axis=1)[:, :kept]
        power[at : at + _BLOCK] = np.abs(block) ** 2
    return Spectra(power, hz[:kept].astype(np.float32))


def loud(known: Spectra) -> Loud:
    """By moment, whether anything is said."""
    level = known.power[:, known.hz >= LOWEST_HZ].sum(axis=1)
    loudest, quiet = float(level.max()), float(np.percentile(level, 5))
    return np.asarray(level > max(loudest * _LOUD, _OVER_NOISE * quiet if quiet < loudest * _NOISE else 0.0))


def mel(known: Spectra, top: float, formants: float = 1.0) -> Floats:
    """The logarithm of the power in bands up to `top` Hz, even on the mel scale, shape (moments, BANDS).

    formants: by what all frequencies are moved up first.
    """
    edges = np.linspace(_pitch(np.float32(LOWEST_HZ)), _pitch(np.float32(top)), BANDS + 2)
    at = _pitch(known.hz * np.float32(formants))[None, :]
    step = edges[1] - edges[0]
    triangles = np.clip(np.minimum(at - edges[:-2, None], edges[2:, None] - at) / step, 0, None)
    bands = known.power @ triangles.T.astype(np.float32)
    return np.asarray(np.log(np.maximum(bands, bands.max(axis=0) * FLOOR) + 1e-20), np.float32)


def _pitch(hz: Floats | np.float32) -> Floats:
    return np.asarray(2595 * np.log10(1 + hz / 700), np.float32)
