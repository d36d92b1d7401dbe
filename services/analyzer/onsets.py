"""Where sounds begin: the onset envelope and its peaks. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from services.analyzer.spectrum import FPS, Spectra
from services.analyzer.tape import Array

_LAG = 2
"""Frames between the spectra that are compared."""
_BLOCK = 4000
"""Frames that are compared at once: memory doesn't grow with the song."""
LATENCY = 0.002
"""Seconds that the envelope peaks after the begin: 5 for instruments of known beats, -6 for a bare click."""
_FLOOR = 0.01
"""Rise, in units of the mel bands, that steady tones make by themselves."""
_LOUD = 0.08
"""Rise that counts as a loud onset in a song that has no louder ones."""


@dataclass(frozen=True)
class Envelope:
    """How much begins at each fast frame; 0 is nothing, about 1 is a strong onset."""

    all: Array
    """(frames,): over all bands."""
    low: Array
    """(frames,): below about 200 Hz, where kick and bass begin."""


def envelope(heard: Spectra) -> Envelope:
    """Rise of the mel bands against the loudest neighbour a moment ago (SuperFlux, Boeck and Widmer 2013)."""
    mel = heard.mel
    flux = np.zeros((len(mel), 2), dtype=np.float32)
    for first in range(_LAG, len(mel), _BLOCK):
        part = slice(first, first + _BLOCK)
        now = mel[part]
        before = ndimage.maximum_filter1d(mel[first - _LAG : first - _LAG + len(now)], 3, axis=1)
        rise = np.maximum(0.0, now - before)
        flux[part, 0] = np.maximum(0.0, rise.mean(axis=1) - _FLOOR)
        flux[part, 1] = np.maximum(0.0, rise[:, :8].mean(axis=1) - _FLOOR)
    return Envelope(all=_normalised(flux[:, 0]), low=_normalised(flux[:, 1]))


def _normalised(flux: Array) -> Array:
    """Against the loud onsets of the ten seconds around, so that quiet parts count as well."""
    if not len(flux):
        return flux
    size = int(10 * FPS)
    step = int(FPS)
    centres = np.arange(0, len(flux), step)
    local = [np.percentile(flux[max(0, c - size // 2) : c + size // 2], 97) for c in centres]
    floor = max(0.25 * float(np.max(local)), _LOUD)
    scale = np.interp(np.arange(len(flux)), centres, np.maximum(local, floor))
    return (flux / scale).astype(np.float32)


def onset_times(env: Envelope) -> npt.NDArray[np.float64]:
    """Seconds at which something clearly begins: peaks of the envelope above what is around them."""
    curve = env.all
    if not len(curve):
        return np.zeros(0)
    around = ndimage.uniform_filter1d(curve, 31)
    top = ndimage.maximum_filter1d(curve, 7)
    frames = np.flatnonzero((curve >= top) & (curve > 1.2 * around + 0.12))
    if len(frames):
        frames = frames[np.diff(frames, prepend=-10) > 3]
    times = frames / FPS - LATENCY
    return np.asarray(times[times >= 0.0], dtype=np.float64)


def at_frames(env: Array, frames: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(frames,): the largest value of the envelope within 40 ms of each frame."""
    around = np.clip(np.rint(frames).astype(int)[:, None] + np.arange(-4, 5), 0, len(env) - 1)
    values: npt.NDArray[np.float64] = env[around].max(axis=1).astype(np.float64)
    return values
