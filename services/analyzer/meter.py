"""Bars: how many beats they have and where they begin. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from libs.contracts.analysis import Tempo
from services.analyzer.onsets import Envelope, at_frames
from services.analyzer.spectrum import FPS, SLOW_FPS, Spectra

Times = npt.NDArray[np.float64]
METERS = (4, 3, 2)


@dataclass(frozen=True)
class Bars:
    """`meter` beats a bar; `first` is the index of the first downbeat."""

    meter: int
    downbeat: npt.NDArray[np.bool_]
    """(beats,): true on the first beat of each bar."""


def find_bars(heard: Spectra, env: Envelope, beats: Times, tempo: Tempo) -> Bars:
    """Bars from what tends to happen on a downbeat: bass and kick, and new harmony.

    The phase is found for each meter; a Viterbi path over the places in the bar keeps it from jumping.
    """
    if len(beats) < 8:
        marks = np.zeros(len(beats), dtype=bool)
        marks[::4] = True
        return Bars(meter=4, downbeat=marks)
    cues = downbeat_cues(heard, env, beats)
    scores = {meter: _contrast(cues, meter) for meter in METERS}
    if tempo.bpm > 75.0:
        scores[4] *= 1.6
    best = max(METERS, key=lambda m: scores[m])
    return Bars(meter=best, downbeat=_path(cues, best))


def downbeat_cues(heard: Spectra, env: Envelope, beats: Times) -> npt.NDArray[np.float64]:
    """(beats,): how much each beat looks like a downbeat, zero mean, unit spread."""
    return _standard(0.5 * _standard(at_frames(env.low, beats * FPS)) + harmonic_change(heard, beats))


def harmonic_change(heard: Spectra, beats: Times) -> npt.NDArray[np.float64]:
    """(beats,): how different chroma and bass sound after a beat from before it, standardised."""
    out = np.zeros(len(beats))
    period = float(np.median(np.diff(beats))) if len(beats) > 1 else 0.5
    for rows, weight in ((heard.chroma, 1.0), (heard.bass, 1.0)):
        change = np.zeros(len(beats))
        for i, beat in enumerate(beats):
            after = _span(rows, beat + 0.05, beat + max(0.9 * period, 0.3))
            before = _span(rows, beat - max(0.9 * period, 0.3), beat - 0.05)
            scale = float(np.linalg.norm(after) * np.linalg.norm(before))
            change[i] = 1.0 - float(after @ before) / scale if scale > 1e-6 else 0.0
        out += weight * _standard(change)
    return _standard(out)


def _span(rows: npt.NDArray[np.float32], start: float, end: float) -> npt.NDArray[np.float64]:
    first = int(np.clip(round(start * SLOW_FPS), 0, len(rows) - 1))
    last = int(np.clip(round(end * SLOW_FPS), first + 1, len(rows)))
    mean: npt.NDArray[np.float64] = np.sqrt(rows[first:last]).mean(axis=0, dtype=np.float64)
    return mean


def _standard(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    clipped = np.clip(values, *np.percentile(values, (2, 98)))
    spread = float(clipped.std())
    scaled: npt.NDArray[np.float64] = (clipped - clipped.mean()) / (spread if spread > 1e-9 else 1.0)
    return scaled


def _contrast(cues: npt.NDArray[np.float64], meter: int) -> float:
    """How far the best phase of a meter stands above the rest, in units of chance."""
    means = np.array([cues[phase::meter].mean() for phase in range(meter)])
    count = len(cues) / meter
    return float(means.max() * np.sqrt(count * meter / (meter - 1)))


def _path(cues: npt.NDArray[np.float64], meter: int) -> npt.NDArray[np.bool_]:
    """Downbeats by Viterbi over the places in a bar; leaving the order costs as much as many weak cues."""
    jump = 9.0
    reward = np.full(meter, -1.0 / max(1, meter - 1))
    reward[0] = 1.0
    score = np.zeros(meter)
    back = np.zeros((len(cues), meter), dtype=int)
    for i, cue in enumerate(cues):
        ordered = np.roll(score, 1)
        best = int(score.argmax())
        leap = score[best] - jump > ordered
        back[i] = np.where(leap, best, (np.arange(meter) - 1) % meter)
        score = np.where(leap, score[best] - jump, ordered) + cue * reward
    place = int(score.argmax())
    marks = np.zeros(len(cues), dtype=bool)
    for i in range(len(cues) - 1, -1, -1):
        marks[i] = place == 0
        place = int(back[i, place])
    return marks
