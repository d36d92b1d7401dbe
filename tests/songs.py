"""Songs made for tests, with true beats."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RATE = 22050


@dataclass(frozen=True)
class Song:
    """A WAV file and the times of its beats in seconds."""

    path: Path
    seconds: float
    beats: tuple[float, ...]


def make_song(folder: Path, *, seconds: float = 6.0, bpm: float = 120.0, seed: int = 0) -> Song:
    """Kick on each beat, hat between, a bass note a bar. Another seed gives other notes, so other bytes."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    beats = tuple(np.arange(0.1, seconds - 0.1, 60 / bpm).tolist())
    sound = np.zeros_like(time)
    for index, beat in enumerate(beats):
        since = time - beat
        on = since >= 0
        sound += on * np.exp(-since.clip(0) / 0.06) * np.sin(2 * np.pi * 60 * since)
        half = since - 30 / bpm
        sound += 0.2 * (half >= 0) * np.exp(-half.clip(0) / 0.02) * rng.standard_normal(len(time))
        if index % 4 == 0:
            note = 55 * 2 ** (rng.integers(0, 12) / 12)
            sound += 0.3 * on * np.exp(-since.clip(0) / 0.8) * np.sin(2 * np.pi * note * since)
    pcm = np.round(0.8 * 32767 * sound / np.abs(sound).max()).astype("<i2")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"song-{seconds:g}s-{bpm:g}bpm-{seed}.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(pcm.tobytes())
    return Song(path=path, seconds=len(time) / RATE, beats=beats)
