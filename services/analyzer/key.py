"""The key: correlation of the pitch classes with key profiles. Pure."""

from __future__ import annotations

import numpy as np

from libs.contracts.analysis import Key
from services.analyzer.tape import Array

TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

# Shares of the scale degrees in pieces of known key (Albrecht and Shanahan 2013).
_MAJOR = np.array([0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081])
_MINOR = np.array([0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052])


def find_key(chroma: Array, bass: Array) -> Key:
    """The key of a song from its pitch classes over time, both (frames, 12) from C.

    The bass counts in addition, since it names the tonic more often than the voices above do, and that
    of the first and the last seconds once more. The confidence is how far the best key stands out from
    the best of another tonic; 0 without any tone.
    """
    heard = _share(chroma) + 0.6 * _share(bass) + 0.3 * (_share(bass[:40]) + _share(bass[-60:]))
    if heard.sum() <= 0.0:
        return Key(tonic="C", mode="major", confidence=0.0)
    scores = np.empty((2, 12))
    for row, profile in enumerate((_MAJOR, _MINOR)):
        for tonic in range(12):
            scores[row, tonic] = np.corrcoef(heard, np.roll(profile, tonic))[0, 1]
    mode, tonic = divmod(int(scores.argmax()), 12)
    others = np.delete(scores.max(axis=0), tonic)
    margin = float(scores[mode, tonic] - others.max())
    confidence = float(np.clip(margin / 0.15, 0.0, 1.0) * np.clip(scores[mode, tonic], 0.0, 1.0))
    return Key(tonic=TONICS[tonic], mode=("major", "minor")[mode], confidence=round(confidence, 3))


def _share(chroma: Array) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(12,): each frame's pitch classes as shares of it, averaged over the frames that sound."""
    total = chroma.sum(axis=1, keepdims=True)
    sounding = total[:, 0] > 0.05 * float(total.max(initial=0.0))
    if not sounding.any():
        return np.zeros(12)
    share: np.ndarray[tuple[int], np.dtype[np.float64]] = np.mean(
        chroma[sounding] / np.maximum(total[sounding], 1e-9), axis=0, dtype=np.float64
    )
    return share
