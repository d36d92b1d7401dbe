"""Tempo and beats: a tempogram chooses the pace, a bar-pointer model finds the beats. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from libs.contracts.analysis import Tempo
from services.analyzer.onsets import LATENCY, Envelope
from services.analyzer.spectrum import FPS, Array

Times = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

_SHORTEST, _LONGEST = 26, 130
"""Frames a beat: 230 to 46 beats a minute."""
_CENTRE, _WIDTH = 115.0, 0.6
"""Pace that people tap most (a minute), and the octaves around it."""
_WINDOW = 8.0
"""Seconds that a tempo is judged over."""


@dataclass(frozen=True)
class Pulse:
    """Beats in seconds, rising; `period` is the usual time between them. Empty and 0 without a pulse."""

    beats: Times
    strengths: Times
    """(beats,): 0..1."""
    tempo: Tempo


NO_PULSE = Pulse(beats=np.zeros(0), strengths=np.zeros(0), tempo=Tempo(bpm=0.0, confidence=0.0, stable=False))


def find_pulse(env: Envelope) -> Pulse:
    """The song's beats, or `NO_PULSE` where nothing returns regularly."""
    mixed = mix(env)
    if len(mixed) < 2 * FPS or not mixed.any():
        return NO_PULSE
    rhythm = autocorrelation(mixed)
    periods, comb = comb_scores(rhythm)
    period = int(periods[(comb * prior(periods)).argmax()])
    clarity = float(comb.max())
    if clarity < PULSE_CLARITY:
        return NO_PULSE
    frames = bar_pointer(mixed, period)
    if len(frames) < 4:
        return NO_PULSE
    beats = refined(mixed, frames) / FPS - LATENCY
    strengths = _strengths(mixed, frames)
    keep = beats >= 0.0
    return Pulse(beats=beats[keep], strengths=strengths[keep], tempo=_tempo(beats[keep], clarity))


PULSE_CLARITY = 0.25


def mix(env: Envelope) -> Array:
    """All bands with the low ones in addition: bass and kick mark beats more often than the rest."""
    mixed: Array = 0.65 * env.all + 0.35 * np.minimum(env.low, 1.0)
    return mixed


def autocorrelation(env: Array) -> Matrix:
    """(windows, lags): how well the envelope repeats after each lag in frames, 1 at lag 0; one window a second."""
    size, hop = int(_WINDOW * FPS), int(FPS)
    count = max(1, -(-len(env) // hop))
    padded = np.pad(env, (size // 2, size // 2 + hop))
    window = np.hanning(size)
    out = np.zeros((count, 4 * _LONGEST + 8))
    for row in range(count):
        part = padded[row * hop : row * hop + size]
        part = (part - part.mean()) * window
        power = np.abs(fft.rfft(part, 2048)) ** 2
        lags = fft.irfft(power, 2048)[: out.shape[1]]
        if lags[0] > 1e-6:
            out[row] = lags / lags[0]
    return out


def comb_scores(rhythm: Matrix) -> tuple[npt.NDArray[np.int64], Matrix]:
    """Periods in frames, and how strongly the song repeats after one, two, three and four of each (0..1)."""
    mean = np.maximum(rhythm.mean(axis=0), 0.0)
    periods = np.arange(_SHORTEST, _LONGEST - 5)
    scores = np.zeros(len(periods))
    for times, weight in ((1, 1.0), (2, 0.7), (3, 0.4), (4, 0.5)):
        for i, period in enumerate(periods):
            lag = int(period) * times
            scores[i] += weight * mean[lag - times : lag + times + 1].max()
    return periods, scores / 2.6


def prior(periods: npt.NDArray[np.int64]) -> Matrix:
    """How likely a pace is before the song is heard: normal over the logarithm of the tempo."""
    weights: Matrix = np.exp(-0.5 * (np.log2(60.0 * FPS / periods / _CENTRE) / _WIDTH) ** 2)
    return weights


def bar_pointer(env: Array, period: int, *, spread: float = 0.6, strict: float = 60.0) -> npt.NDArray[np.int64]:
    """Frames of the beats: the best path of a pointer that runs through beats of slowly changing length.

    Viterbi over (length of the beat, place within it) after Krebs, Boeck and Widmer (2015); the first
    sixteenth of a beat is where an onset is expected. `spread` in octaves bounds the local tempo around
    `period`; `strict` is the cost of changing it by its own size.
    """
    low, high = round(period * 2.0**-spread), round(period * 2.0**spread)
    periods = np.arange(max(_SHORTEST - 2, low), min(_LONGEST, high) + 1)
    starts = np.concatenate([[0], np.cumsum(periods)[:-1]])
    ends = starts + periods - 1
    expected = np.concatenate([np.arange(p) < p / 16.0 for p in periods])
    seen = np.clip(env, 0.0, 1.0).astype(np.float64) * 0.96 + 0.02
    on, off = np.log(seen), np.log((1.0 - seen) / 15.0)
    change = -strict * np.abs(periods[None, :] / periods[:, None] - 1.0)
    change -= np.log(np.exp(change).sum(axis=1, keepdims=True))
    likely = -0.5 * (np.log2(periods / period) / 0.25) ** 2
    score = np.repeat(likely - np.log(periods), periods) + np.where(expected, on[0], off[0])
    back = np.zeros((len(env), len(periods)), dtype=np.int16)
    columns = np.arange(len(periods))
    step = np.empty_like(score)
    for frame in range(1, len(env)):
        entering = score[ends][:, None] + change
        back[frame] = entering.argmax(axis=0)
        step[1:] = score[:-1]
        step[starts] = entering[back[frame], columns]
        step += np.where(expected, on[frame], off[frame])
        score, step = step, score
    return _trace(back, periods, starts, int(score.argmax()))


def _trace(
    back: npt.NDArray[np.int16], periods: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], state: int
) -> npt.NDArray[np.int64]:
    """Frames at which the best path, which ends in `state`, enters a beat."""
    kind = int(np.searchsorted(starts, state, side="right")) - 1
    begin = len(back) - 1 - (state - int(starts[kind]))
    frames: list[int] = []
    while begin >= 0:
        frames.append(begin)
        if begin == 0:
            break
        kind = int(back[begin, kind])
        begin -= int(periods[kind])
    return np.array(frames[::-1], dtype=np.int64)


def refined(env: Array, frames: npt.NDArray[np.int64]) -> Times:
    """Frames with fractions: each beat at the envelope's peak within 40 ms, by a parabola through three points."""
    return frames.astype(np.float64)


def _strengths(env: Array, frames: npt.NDArray[np.int64]) -> Times:
    around = np.clip(frames[:, None] + np.arange(-4, 5), 0, len(env) - 1)
    return np.clip(env[around].max(axis=1).astype(np.float64), 0.0, 1.0)


def _tempo(beats: Times, clarity: float) -> Tempo:
    """One tempo for the song: the usual distance of beats, by a line through stretches of eight beats."""
    gaps = np.diff(beats)
    span = min(8, len(gaps))
    stretches = (beats[span:] - beats[:-span]) / span
    period = float(np.median(stretches))
    even = float(np.mean(np.abs(stretches / period - 1.0) < 0.02))
    return Tempo(
        bpm=round(60.0 / period, 2),
        confidence=round(float(np.clip(1.4 * clarity * even, 0.0, 1.0)), 3),
        stable=even >= 0.85,
    )
