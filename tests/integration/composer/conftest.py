"""Songs for the composer's tests: noise with a rhythm, so that its place in time can't be mistaken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libs.media.ffmpeg import run_ffmpeg

RATE = 44100

CODECS: dict[str, tuple[str, ...]] = {
    "wav": (),
    "flac": ("-c:a", "flac"),
    "mp3": ("-c:a", "libmp3lame", "-b:a", "192k"),
    "m4a": ("-c:a", "aac", "-b:a", "192k"),
    "ogg": ("-c:a", "libvorbis", "-q:a", "6"),
    "opus": ("-c:a", "libopus", "-b:a", "160k"),
}

MakeSong = Callable[..., "object"]


def samples(seconds: float, *, rate: int = RATE, seed: int = 1) -> np.ndarray:
    """Stereo int16 sound (n, 2): bursts of filtered noise at odd times, over a tone."""
    count = round(seconds * rate)
    random = np.random.default_rng(seed)
    time = np.arange(count) / rate
    noise = np.convolve(random.standard_normal(count), np.ones(8) / 8, "same")
    envelope = np.zeros(count)
    at = 0.1
    while at < seconds:
        first = int(at * rate)
        envelope[first:] = np.maximum(envelope[first:], np.exp(-np.arange(count - first) / rate * 9))
        at += float(random.uniform(0.2, 0.7))
    left = 0.5 * noise * envelope + 0.1 * np.sin(2 * np.pi * 220 * time)
    right = 0.4 * noise * envelope + 0.1 * np.sin(2 * np.pi * 330 * time)
    return np.asarray(np.clip(np.stack([left, right], 1), -1, 1) * 30000, np.int16)


async def make_song(path: Path, seconds: float, *, seed: int = 1, extra: tuple[str, ...] = ()) -> Path:
    """A song at `path` in the codec that its name says."""
    raw = path.with_suffix(".pcm")
    raw.write_bytes(samples(seconds, seed=seed).tobytes())
    source = ["-f", "s16le", "-ar", str(RATE), "-ac", "2", "-i", str(raw)]
    await run_ffmpeg([*source, *CODECS[path.suffix[1:]], *extra, str(path)], timeout_s=30)
    raw.unlink()
    return path


@pytest.fixture
def song_maker(tmp_path: Path) -> Callable[[str, float], object]:
    """Makes a song by name and length in the test's folder; await the answer for its path."""

    def make(name: str, seconds: float) -> object:
        return make_song(tmp_path / name, seconds)

    return make
