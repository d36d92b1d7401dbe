"""Beat or off-beat: which of several readings of the same pulse a listener would tap. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.analyzer.onsets import Envelope, at_frames
from services.analyzer.spectrum import FPS, MELS, Spectra
from services.analyzer.tape import Array, Rows, blocks

Times = npt.NDArray[np.float64]

_STRESS, _BASS, _ENTRY, _CHANGE = 1.0, 0.2, 1.35, 0.9
_SOUNDING = 0.02
"""RMS, against the song's loudest, from which it has begun."""
_BLOCK = 2000
"""Frames that are summed at once."""


def on_beat(heard: Spectra, env: Envelope, readings: list[Times]) -> int:
    """The index of the reading that is most likely on the beat. Each is beats in frames, rising.

    Three things are weighed: beats are stressed more than what lies between them, in the bass too; a song
    that begins out of silence mostly begins on a beat; the sound changes for good (an instrument enters)
    on a beat.
    """
    scores = [
        _STRESS * stress(env.all, beats)
        + _BASS * stress(env.low, beats)
        + _ENTRY * entry(heard, beats)
        + _CHANGE * change(heard, beats)
        for beats in readings
    ]
    return int(np.argmax(scores))


def midpoints(beats: Times) -> Times:
    """The reading half a beat later, with the half beats before the first and after the last."""
    middle = (beats[:-1] + beats[1:]) / 2
    first, last = 2 * beats[0] - middle[0], 2 * beats[-1] - middle[-1]
    ends = ([first] if first >= 0 else [], [last])
    return np.concatenate([ends[0], middle, ends[1]])


def stress(env: Array, beats: Times) -> float:
    """How far onsets on the beats stand above those between, in spreads of both; about -2..2."""
    on, off = at_frames(env, beats), at_frames(env, (beats[:-1] + beats[1:]) / 2)
    spread = float(np.std(np.concatenate([on, off])))
    return float((on.mean() - off.mean()) / spread) if spread > 1e-6 else 0.0


def entry(heard: Spectra, beats: Times) -> float:
    """1 when the song's first sound is on a beat, -1 between two; 0 when it fades in or begins at once.

    The beats are continued backwards from the fourth on: the first few may have bent towards that sound.
    """
    loud = heard.rms / max(float(heard.rms.max(initial=0.0)), 1e-9)
    first = int(np.argmax(loud > _SOUNDING))
    if first < 3 or loud[first : first + 12].max() < 0.15:
        return 0.0
    steady = beats[4:20]
    if len(steady) < 8:
        return 0.0
    period, start = np.polyfit(np.arange(len(steady)), steady, 1)
    # The sound begins up to two frames after the first window that holds some of it.
    place = ((first + 2 - start) / period) % 1.0
    away = min(place, 1.0 - place)
    if away < 0.15:
        return 1.0
    return -1.0 if away > 0.35 else 0.0


def change(heard: Spectra, beats: Times) -> float:
    """-1..1: whether the sound of eight beats differs most from the eight before at beats, or between them."""
    if len(beats) < 24:
        return 0.0
    half = np.interp(np.arange(2 * len(beats) - 1) / 2, np.arange(len(beats)), beats)
    frames = np.clip(np.rint(half).astype(int) - 2, 0, len(heard.mel))
    sums = _sums_before(heard.mel, frames)
    width = 16
    spans = np.maximum(frames[width:] - frames[:-width], 1)[:, None]
    means = (sums[width:] - sums[:-width]) / spans
    novelty = np.linalg.norm(means[width:] - means[:-width], axis=1)
    votes = [0.0, 0.0]
    for i in range(1, len(novelty) - 1):
        if novelty[i] == novelty[max(0, i - 8) : i + 9].max():
            votes[i % 2] += float(novelty[i])
    return (votes[0] - votes[1]) / (sum(votes) or 1.0)


def _sums_before(rows: Rows, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(places, columns): the sum of all rows before each place, 0 to their number."""
    sums = np.zeros((len(places), MELS))
    total = np.zeros((1, MELS))
    first = 0
    for block in blocks(rows, _BLOCK):
        running = np.cumsum(np.concatenate([total, block]), axis=0)
        here = (places >= first) & (places <= first + len(block))
        sums[here] = running[places[here] - first]
        total = running[-1:]
        first += len(block)
    return sums


def same(one: Times, other: Times) -> bool:
    """True when most beats of two readings, both rising, agree within 70 ms."""
    if not len(one) or not len(other):
        return False
    after = np.searchsorted(other, one)
    near = np.minimum(
        np.abs(one - other[np.maximum(after - 1, 0)]), np.abs(one - other[np.minimum(after, len(other) - 1)])
    )
    return bool(np.mean(near < 0.07 * FPS) > 0.8)
