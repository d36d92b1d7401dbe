"""A person's own clip as a take: any rate, shape and length becomes exactly the shot."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from libs.artifacts import open_store
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.errors import Permanent
from libs.contracts.facts import TakeRendered
from libs.contracts.tasks import Animate, Task
from libs.media.encoding import Quality
from libs.media.ffmpeg import find_ffmpeg
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.builtin.backend import BuiltinBackend
from services.generator.handlers import Fitting, make_handlers
from tests.unit.generator.scenes import shot, song

WIDTH, HEIGHT = 160, 90


class Bench:
    """A generator's handler and its store."""

    def __init__(self, store: ArtifactStore, animate: Handler) -> None:
        self.store = store
        self.animate = animate

    async def take(self, clip: Path, *, frames: int, fps: str = "30") -> TakeRendered:
        """The take that a clip becomes."""
        order = shot(frames=frames)
        body = Animate(
            shot=order,
            analysis=await self.store.put_bytes(msgspec.json.encode(song()), "application/json"),
            fps=fps,
            width=WIDTH,
            height=HEIGHT,
            clip=await self.store.put_file(clip, "video/mp4"),
        )
        task = Task(job_id="j1", run=1, task="animate.s001.1", attempt=1, owner="ann", body=body)
        (fact,) = await self.animate(task, TaskContext(task))
        assert isinstance(fact, TakeRendered)
        return fact

    async def levels(self, fact: TakeRendered) -> list[int]:
        """The brightness of each frame, in tens."""
        async with self.store.local(fact.clip.blob) as path:
            with av.open(str(path)) as container:
                (stream,) = container.streams.video
                assert (stream.width, stream.height) == (WIDTH, HEIGHT)
                return [round(frame.to_ndarray(format="gray").mean() / 10) for frame in container.decode(stream)]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = open_store(f"file://{tmp_path}/artifacts")
    scratch = Scratch(tmp_path / "scratch")
    async with WorkerPool(1) as pool, scratch:
        backend = BuiltinBackend(pool, timeout_s=60.0)
        yield Bench(store, make_handlers(store, backend, scratch, Fitting(pool, Quality(), 60.0))["animate"])


def film(path: Path, levels: list[int], *, fps: int, size: str = "320x240", extra: tuple[str, ...] = ()) -> Path:
    """A video of plain grey frames, `levels` in tens."""
    width, height = map(int, size.split("x"))
    pictures = b"".join(np.full((height, width), level * 10, np.uint8).tobytes() for level in levels)
    command = [str(find_ffmpeg()), "-v", "error", "-f", "rawvideo", "-pix_fmt", "gray", "-s", size, "-r", str(fps)]
    command += ["-i", "-", *extra, "-pix_fmt", "yuv420p", "-y", str(path)]
    subprocess.run(command, input=pictures, check=True, timeout=60)
    return path


async def test_it_is_shown_as_fast_as_it_was_shot(bench: Bench, tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", [4, 8, 12, 16, 20], fps=10)
    fact = await bench.take(clip, frames=12)
    assert (fact.backend, fact.clip.frames, fact.clip.scene_id) == ("own", 12, "s001")
    assert await bench.levels(fact) == [4] * 3 + [8] * 3 + [12] * 3 + [16] * 3


async def test_of_a_faster_one_frames_are_left_out(bench: Bench, tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mkv", [4, 5, 8, 9, 12, 13, 16, 17], fps=60)
    assert await bench.levels(await bench.take(clip, frames=4)) == [4, 8, 12, 16]


async def test_a_short_one_begins_again(bench: Bench, tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mov", [4, 12, 20], fps=30)
    assert await bench.levels(await bench.take(clip, frames=8)) == [4, 12, 20, 4, 12, 20, 4, 12]


async def test_the_same_clip_again_is_found(bench: Bench, tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", [4, 12], fps=30)
    assert await bench.take(clip, frames=6) == await bench.take(clip, frames=6)
    assert len([item async for item in bench.store.list("result/")]) == 1


async def test_what_is_no_clip_is_refused(bench: Bench, tmp_path: Path) -> None:
    broken, long = tmp_path / "broken.mp4", tmp_path / "sound.wav"
    broken.write_bytes(b"no film")
    sound = [str(find_ffmpeg()), "-v", "error", "-f", "lavfi", "-i", "sine=d=1", "-y", str(long)]
    subprocess.run(sound, check=True, timeout=60)
    thin = film(tmp_path / "thin.mp4", [4], fps=30, size="1600x16")
    for path, code in ((broken, "not_media"), (long, "no_video_stream"), (thin, "no_video_stream")):
        with pytest.raises(Permanent) as caught:
            await bench.take(path, frames=3)
        assert caught.value.code == code
    assert not [item async for item in bench.store.list("result/")]
