"""Where sounds begin: the onset envelope and its peaks. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from services.analyzer.spectrum import FPS, Array, Spectra

_LAG = 2
"""Frames between the spectra that are compared."""
LATENCY = 0.0
"""Seconds by which a peak of the envelope lies after the sound's true begin."""


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
    before = ndimage.maximum_filter1d(mel[:-_LAG], 3, axis=1)
    rise = np.maximum(0.0, mel[_LAG:] - before)
    flux = np.zeros((len(mel), 2), dtype=np.float32)
    flux[_LAG:, 0] = rise.mean(axis=1)
    flux[_LAG:, 1] = rise[:, :8].mean(axis=1)
    return Envelope(all=_normalised(flux[:, 0]), low=_normalised(flux[:, 1]))


def _normalised(flux: Array) -> Array:
    """Against the loud onsets of the ten seconds around, so that quiet parts count as well."""
    if not len(flux):
        return flux
    size = int(10 * FPS)
    step = int(FPS)
    centres = np.arange(0, len(flux), step)
    local = [np.percentile(flux[max(0, c - size // 2) : c + size // 2], 97) for c in centres]
    floor = max(0.25 * float(np.max(local)), 0.02)
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
