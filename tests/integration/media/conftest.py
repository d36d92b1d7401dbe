"""Media files of every kind, made by the real ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from libs.media.ffmpeg import find_ffmpeg
from libs.runtime.workers import WorkerPool

Make = Callable[..., Path]


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(1) as made:
        yield made


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """make(name, *ffmpeg arguments) runs ffmpeg with these arguments and the file's path last."""

    def run(name: str, *args: str) -> Path:
        path = tmp_path / name
        subprocess.run(
            [str(find_ffmpeg()), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *args, str(path)],
            check=True,
            timeout=60,
        )
        return path

    return run


def sine(seconds: float, rate: int = 44100) -> tuple[str, ...]:
    """Arguments for a tone as an input."""
    return ("-f", "lavfi", "-i", f"sine=f=330:d={seconds}:r={rate}")
