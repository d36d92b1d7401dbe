"""What listens to a song needs hardly more memory for a long one than for a short one."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from libs.runtime.workers import ONE_THREAD

SHORT_S, LONG_S = 60, 300
MOST_KB_A_SECOND = 30
"""Room for features; sound itself is 88 kB a second."""
RATE = 8000

LISTENERS = {
    "the analyzer": "from services.analyzer.handlers import analysis_json; analysis_json({0!r}, None, {1!r})",
    "the composer": "from services.composer.hearing import measure_sound; measure_sound({0!r}, {0!r})",
    "the check": "from services.standalone.check_sound import listen; listen({0!r}, {0!r})",
}

TELL_PEAK = """
for line in open('/proc/self/status'):
    if line.startswith('VmHWM'):
        print(line.split()[1])
"""


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A short one and a long one: beats of noise."""
    folder = tmp_path_factory.mktemp("songs")
    beat = RATE // 2
    hits = np.exp(-np.arange(beat) / 600) * np.random.default_rng(2).normal(0, 6000, (8, beat))
    bars = hits.astype("<i2").tobytes()
    paths = (folder / "short.wav", folder / "long.wav")
    for path, seconds in zip(paths, (SHORT_S, LONG_S), strict=True):
        with wave.open(str(path), "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
            out.writeframes(bars * (seconds // 4))
    return paths


def peak_kb(statement: str) -> int:
    """The most memory that a process which runs this ever has, in kB."""
    command = [sys.executable, "-c", statement + TELL_PEAK]
    environ = {**os.environ, **ONE_THREAD}
    return int(subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout)


@pytest.mark.parametrize("listener", LISTENERS)
def test_memory_hardly_grows_with_the_song(listener: str, songs: tuple[Path, Path], tmp_path: Path) -> None:
    short, long = (peak_kb(LISTENERS[listener].format(str(song), str(tmp_path))) for song in songs)
    assert (long - short) / (LONG_S - SHORT_S) < MOST_KB_A_SECOND
    assert long < 300_000
