"""Tempo and beats: a tempogram chooses the pace, a bar-pointer model finds the beats. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from libs.contracts.analysis import Tempo
from services.analyzer.onsets import LATENCY, Envelope, at_frames
from services.analyzer.phase import midpoints, on_beat, same
from services.analyzer.spectrum import FPS, Spectra
from services.analyzer.tape import Array

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


def find_pulse(heard: Spectra, env: Envelope) -> Pulse:
    """The song's beats, or `NO_PULSE` where nothing returns regularly."""
    if len(env.all) < 2 * FPS or not env.all.any():
        return NO_PULSE
    readings: list[Times] = []
    clarity = 0.0
    # Bass marks the beat in some music and the off-beat in other: both are heard, then judged.
    for weight in (0.35, 0.0):
        mixed = _mixed(env, weight)
        rhythm = autocorrelation(mixed)
        clarity = max(clarity, clearness(rhythm))
        periods, comb = comb_scores(rhythm)
        period = int(periods[(comb * prior(periods)).argmax()])
        frames = refined(env.all, bar_pointer(mixed, period))
        if len(frames) >= 4 and not any(same(frames, known) for known in readings):
            readings.append(frames)
    if not readings or clarity < clear_from(heard.duration):
        return NO_PULSE
    for frames in list(readings):
        between = midpoints(frames)
        if not any(same(between, known) for known in readings):
            readings.append(between)
    frames = readings[on_beat(heard, env, readings)]
    beats = frames / FPS - LATENCY
    first, last = _sounding(heard)
    inside = (beats >= max(0.0, first - 0.1)) & (beats < last)
    beats, strengths = beats[inside], np.clip(at_frames(env.all, frames[inside]), 0.0, 1.0)
    return Pulse(beats=beats, strengths=strengths, tempo=_tempo(beats, strengths, clarity))


def _sounding(heard: Spectra) -> tuple[float, float]:
    """Seconds between which the song is not silent (-50 dB of its loudest)."""
    frames = np.flatnonzero(heard.rms > 0.003 * float(heard.rms.max(initial=0.0)))
    return (float(frames[0] / FPS), float((frames[-1] + 1) / FPS)) if len(frames) else (0.0, 0.0)


def _mixed(env: Envelope, weight: float) -> Array:
    mixed: Array = ((1.0 - weight) * env.all + weight * np.minimum(env.low, 1.0)).astype(np.float32)
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
    back = np.zeros((len(env), len(periods)), dtype=np.uint8)  # long: the most of what an analysis holds
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
    back: npt.NDArray[np.uint8], periods: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], state: int
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


def clear_from(seconds: float) -> float:
    """The clearness from which a song of this length has a pulse: noise of a few seconds repeats by chance."""
    return 0.25 + 0.18 * float(np.clip((12.0 - seconds) / 7.0, 0.0, 1.0))


def clearness(rhythm: Matrix) -> float:
    """0..1: how well the best repetition stands out in the usual moment that sounds, whatever its tempo."""
    sounding = rhythm[rhythm[:, 0] > 0.0]
    return float(np.median(sounding[:, _SHORTEST : 2 * _LONGEST].max(axis=1))) if len(sounding) else 0.0


def refined(env: Array, frames: npt.NDArray[np.int64]) -> Times:
    """The beats in frames with fractions: at the envelope's peak nearby, evened out.

    A line through the four peaks on either side of each, weighted by their height and by how near they
    come to it, says where the beat should be; a peak more than 20 ms off is another note's and doesn't count.
    """
    if len(frames) < 4 or len(env) < 8:
        return frames.astype(np.float64)
    reach = round(float(np.median(np.diff(frames))) / 16.0) + 3
    around = np.clip(frames[:, None] + np.arange(-2, reach + 1), 1, len(env) - 2)
    top = around[np.arange(len(frames)), env[around].argmax(axis=1)]
    left, middle, right = (env[top + shift].astype(np.float64) for shift in (-1, 0, 1))
    curve = np.minimum(left - 2.0 * middle + right, -1e-6)
    peaks = top + np.clip(0.5 * (left - right) / curve, -0.5, 0.5)
    out = np.empty(len(peaks))
    for i, peak in enumerate(peaks):
        near = slice(max(0, i - 4), i + 5)
        fit = _line_at(np.arange(len(peaks))[near] - i, peaks[near], middle[near] + 0.05)
        out[i] = fit + (0.3 * (peak - fit) if abs(peak - fit) < 2.0 else 0.0)
    return np.maximum.accumulate(out)


def _line_at(places: npt.NDArray[np.int64], values: Times, weights: Times) -> float:
    """The value at place 0 of a line through the values; those far from it weigh less the second time."""
    used = weights
    fit = 0.0
    for _ in range(2):
        mean_x, mean_y = np.average(places, weights=used), np.average(values, weights=used)
        slope = np.sum(used * (places - mean_x) * (values - mean_y)) / np.sum(used * (places - mean_x) ** 2)
        fit = float(mean_y - slope * mean_x)
        used = weights / (1.0 + (values - fit - slope * places) ** 2)
    return fit


def _tempo(beats: Times, strengths: Times, clarity: float) -> Tempo:
    """One tempo for the song: the usual distance of beats, by a line through stretches of eight beats."""
    gaps = np.diff(beats)
    span = min(8, len(gaps))
    stretches = (beats[span:] - beats[:-span]) / span
    weights = np.convolve(strengths, np.ones(span), "valid")[: len(stretches)] + 1e-6
    period = float(np.median(stretches))
    even = float(np.average(np.abs(stretches / period - 1.0) < 0.02, weights=weights))
    return Tempo(
        bpm=round(60.0 / period, 2),
        confidence=round(float(np.clip(1.4 * clarity * even, 0.0, 1.0)), 3),
        stable=even >= 0.85,
    )
