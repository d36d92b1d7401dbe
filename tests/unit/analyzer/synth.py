"""Sounds whose beats, keys and parts are known."""

from __future__ import annotations

import numpy as np

from services.analyzer.spectrum import RATE
from services.analyzer.tape import Array


def silence(seconds: float) -> Array:
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def noise(seconds: float, seed: int = 1, level: float = 0.2) -> Array:
    return np.random.default_rng(seed).normal(0.0, level, round(seconds * RATE)).astype(np.float32)


def click_times(bpm: float, seconds: float, start: float = 0.5) -> list[float]:
    count = int((seconds - start) * bpm / 60.0)
    return [start + i * 60.0 / bpm for i in range(count)]


def clicks(times: list[float], seconds: float, level: float = 0.5) -> Array:
    """A short burst that begins at each time."""
    out = silence(seconds)
    burst = np.exp(-np.arange(1200) / 200.0) * np.sin(2.0 * np.pi * 1500.0 * np.arange(1200) / RATE)
    for time in times:
        first = round(time * RATE)
        part = burst[: len(out) - first]
        out[first : first + len(part)] += (level * part).astype(np.float32)
    return out


def chord(semitones: list[int], seconds: float, level: float = 0.1, cents: float = 0.0) -> Array:
    """Notes, each with three harmonics, in semitones above C4."""
    time = np.arange(round(seconds * RATE)) / RATE
    out = np.zeros(len(time))
    for note in semitones:
        hz = 261.6256 * 2.0 ** ((note + cents / 100.0) / 12.0)
        for harmonic in (1, 2, 3):
            out += level / harmonic**2 * np.sin(2.0 * np.pi * hz * harmonic * time)
    return out.astype(np.float32)


def progression(chords: list[list[int]], each: float, times: int, cents: float = 0.0) -> Array:
    return np.concatenate([chord(notes, each, cents=cents) for notes in chords] * times)
