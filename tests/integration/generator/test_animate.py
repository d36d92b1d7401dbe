"""The handler of `animate` with a real store, real worker children and the real ffmpeg."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
import pytest

from libs.artifacts import ArtifactStore, open_store
from libs.bus.handler import Handler, TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import BeatloomError, InputMissing, Permanent, Retryable
from libs.contracts.facts import TakeRendered
from libs.contracts.messages import Progress
from libs.contracts.storyboard import Shot
from libs.contracts.tasks import Animate, Task
from libs.media.encoding import Quality
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.backend import Backend, ClipOrder, RenderedClip, RenderedStill, StillOrder
from services.generator.builtin.backend import BuiltinBackend
from services.generator.handlers import Fitting, make_handlers
from tests.processes import descendants
from tests.scratch import files_in_work
from tests.unit.generator.scenes import painter, shot, song
from tests.waiting import until

WIDTH, HEIGHT = 160, 90


class Bench:
    """A generator without a bus."""

    def __init__(self, root: Path, pool: WorkerPool) -> None:
        self.root = root
        self.store: ArtifactStore = open_store(f"file://{root}/artifacts")
        self.scratch = Scratch(root / "scratch")
        self.backend = BuiltinBackend(pool, timeout_s=60.0)
        self.fitting = Fitting(pool, Quality(), 60.0)
        self.animate: Handler = self.handler(self.backend)

    def handler(self, backend: Backend) -> Handler:
        """What animates by this backend."""
        return make_handlers(self.store, backend, self.scratch, self.fitting)["animate"]

    async def task(self, order: Shot, *, image: Blob | None = None, owner: str = "ann") -> Task:
        analysis = await self.store.put_bytes(msgspec.json.encode(song()), "application/json")
        body = Animate(shot=order, analysis=analysis, fps="30", width=WIDTH, height=HEIGHT, image=image)
        return Task(job_id="j1", run=1, task=f"animate.{order.scene.id}", attempt=1, owner=owner, body=body)

    async def take(self, task: Task, context: TaskContext | None = None) -> TakeRendered:
        (fact,) = await self.animate(task, context or TaskContext(task))
        assert isinstance(fact, TakeRendered)
        return fact

    def scratch_files(self) -> list[str]:
        return [path.name for path in files_in_work(self.scratch_root)]

    @property
    def scratch_root(self) -> Path:
        return self.root / "scratch"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with WorkerPool(1) as pool:
        bench = Bench(tmp_path, pool)
        async with bench.scratch:
            yield bench


def decoded(path: Path) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8) for frame in container.decode(video=0)]


async def test_a_shot_becomes_a_clip_of_exactly_its_frames(bench: Bench) -> None:
    order = shot("blobs", frames=37, lead=6)
    task = await bench.task(order)
    said: list[Progress] = []
    context = TaskContext(task, said.append)
    fact = await bench.take(task, context)
    assert (fact.clip.scene_id, fact.clip.lead, fact.clip.frames) == ("s001", 6, 37)
    assert (fact.backend, fact.seed) == ("builtin", order.scene.seed)
    async with bench.store.local(fact.clip.blob) as path:
        frames = decoded(path)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert stream.average_rate == 30
            assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    assert len(frames) == 37
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    assert context.cpu_seconds > 0
    assert said
    assert "blobs" in said[0].message
    assert bench.scratch_files() == []


async def test_a_preview_is_small_and_has_a_picture_on_each_beat_and_two_between(bench: Bench) -> None:
    order = shot("tunnel", frames=32)
    task = await bench.task(order)
    assert isinstance(task.body, Animate)
    body = msgspec.structs.replace(task.body, width=1280, height=720, preview=True)
    fact = await bench.take(msgspec.structs.replace(task, body=body))
    async with bench.store.local(fact.clip.blob) as path:
        frames = decoded(path)
    assert (len(frames), frames[0].shape) == (32, (240, 426, 3))
    changes = [np.abs(after.astype(int) - before).mean() > 0.5 for before, after in pairwise(frames)]
    assert changes == [number % 5 == 0 for number in range(1, 32)]
    whole = await bench.take(task)
    assert whole.clip.blob != fact.clip.blob


async def test_the_clip_shows_what_was_drawn(bench: Bench) -> None:
    order = shot("rings", frames=20)
    fact = await bench.take(await bench.task(order))
    drawn = painter(order, width=WIDTH, height=HEIGHT).frame(12)
    async with bench.store.local(fact.clip.blob) as path:
        seen = decoded(path)[12]
    assert np.abs(cv2.blur(seen, (5, 5)).astype(int) - cv2.blur(drawn, (5, 5)).astype(int)).mean() < 4.0


async def test_the_same_task_again_is_not_drawn_again(bench: Bench) -> None:
    task = await bench.task(shot("silk", frames=12))
    first = await bench.take(task)
    context = TaskContext(task)
    assert await bench.take(task, context) == first
    assert context.reused
    assert context.cpu_seconds == 0


async def test_the_same_task_twice_at_once_ends_in_one_result(bench: Bench) -> None:
    task = await bench.task(shot("hills", frames=30))
    first, second = await asyncio.gather(bench.take(task), bench.take(task))
    assert first == second
    assert len([item async for item in bench.store.list("result/")]) == 1
    assert bench.scratch_files() == []


async def test_another_process_draws_the_same_bytes(bench: Bench, tmp_path: Path) -> None:
    order = shot("duotone", frames=12)
    noise = np.random.default_rng(3).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", cv2.GaussianBlur(noise, (0, 0), 4.0) * 2)[1].tobytes()
    image = await bench.store.put_bytes(jpeg, "image/jpeg")
    first = await bench.take(await bench.task(order, image=image))
    async with WorkerPool(1) as pool:
        other = Bench(tmp_path / "other", pool)
        await other.store.put_bytes(jpeg, "image/jpeg")
        async with other.scratch:
            second = await other.take(await other.task(order, image=image))
    assert first.clip.blob.sha256 == second.clip.blob.sha256


async def test_another_owner_does_not_get_the_record(bench: Bench) -> None:
    order = shot("tunnel", frames=8)
    await bench.take(await bench.task(order))
    task = await bench.task(order, owner="ben")
    context = TaskContext(task)
    await bench.take(task, context)
    assert not context.reused


async def test_a_missing_analysis_is_told(bench: Bench) -> None:
    task = await bench.task(shot(frames=8))
    assert isinstance(task.body, Animate)
    await bench.store.delete(task.body.analysis.key)
    with pytest.raises(InputMissing) as caught:
        await bench.take(task)
    assert caught.value.sha256 == task.body.analysis.sha256


async def test_a_bad_picture_can_not_be_helped_by_trying_again(bench: Bench) -> None:
    image = await bench.store.put_bytes(b"GIF89a no, this is not one", "image/png")
    with pytest.raises(Permanent) as caught:
        await bench.take(await bench.task(shot(frames=8), image=image))
    assert caught.value.code == "bad_image"
    assert bench.scratch_files() == []


async def test_cancel_kills_the_child_and_leaves_no_file(bench: Bench) -> None:
    task = await bench.task(shot("silk", frames=100_000))
    others = descendants(os.getpid())
    said: list[Progress] = []
    work = asyncio.create_task(bench.take(task, TaskContext(task, said.append)))
    await until(lambda: bool(said and bench.scratch_files()))
    assert descendants(os.getpid()) > others
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert bench.scratch_files() == []
    await until(lambda: descendants(os.getpid()) <= others, seconds=5)


async def test_a_shot_that_takes_too_long_is_ended(bench: Bench, tmp_path: Path) -> None:
    async with WorkerPool(1) as pool:
        backend = BuiltinBackend(pool, timeout_s=1.0)
        animate = bench.handler(backend)
        task = await bench.task(shot("silk", frames=100_000))
        with pytest.raises(Retryable) as caught:
            await animate(task, TaskContext(task))
        assert caught.value.code == "timeout"
    assert bench.scratch_files() == []


class Short:
    """A backend that writes one frame too few."""

    name, version = "short", "1"

    async def imagine(self, order: StillOrder, context: TaskContext) -> RenderedStill:
        raise NotImplementedError

    async def render(self, order: ClipOrder, context: TaskContext) -> RenderedClip:
        order.out.write_bytes(b"half")
        return RenderedClip(frames=order.shot.frames - 1, seed=0, cpu_seconds=0.0)

    async def check(self) -> None:
        """Ready."""


async def test_a_clip_with_a_frame_too_few_is_not_taken(bench: Bench) -> None:
    animate = bench.handler(Short())
    task = await bench.task(shot(frames=9))
    with pytest.raises(BeatloomError) as caught:
        await animate(task, TaskContext(task))
    assert caught.value.code == "media_tool_failed"
    assert not [item async for item in bench.store.list("result/")]


async def test_a_full_disk_is_tried_again_and_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async with WorkerPool(1) as pool:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            await pool.run(os.getpid, timeout_s=20)  # the child is born under the limit
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        backend = BuiltinBackend(pool, timeout_s=60.0)
        animate = bench.handler(backend)
        task = await bench.task(shot("silk", frames=600))
        with pytest.raises(Retryable) as caught:
            await animate(task, TaskContext(task))
    assert caught.value.code == "no_space"
    assert bench.scratch_files() == []
