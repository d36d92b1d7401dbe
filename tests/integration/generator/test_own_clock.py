"""Clips of narrated videos with a real store, real children and real frames: a sentence's clip is made once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import av
import msgspec
import pytest

from libs.artifacts import ArtifactStore, open_store
from libs.bus.connection import Bus
from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import InputMissing
from libs.contracts.facts import TakeRendered
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Shot
from libs.contracts.tasks import Animate, Task
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.builtin.backend import BuiltinBackend
from services.generator.handlers import Fitting, make_handlers
from services.planner.narrated import direct
from tests.integration.generator.rig import FAST, generator
from tests.servers.comfyui import ComfyDouble, accepted
from tests.unit.planner.narrations import Told, heard, told

OPTIONS = JobOptions(height=96, fps="10")
LAST = ("The sea is deep and cold.", "Whole forests stand down there in the dark.")
SHORT: Told = (("Nobody had ever thought of looking there.",), LAST)
LONGER: Told = (
    ("Nobody had ever thought of looking, not even once.",),
    ("Why would they have gone down there?",),
    LAST,
)


class Bench:
    """A generator without a bus, and the shots of narrations."""

    def __init__(self, root: Path, pool: WorkerPool) -> None:
        self.store: ArtifactStore = open_store(f"file://{root}/artifacts")
        self.scratch = Scratch(root / "scratch")
        backend = BuiltinBackend(pool, timeout_s=60.0, quality=FAST)
        self.animate = make_handlers(self.store, backend, self.scratch, Fitting(pool, FAST, 60.0))["animate"]

    async def take(self, task: Task) -> tuple[TakeRendered, bool]:
        context = TaskContext(task)
        (fact,) = await self.animate(task, context)
        assert isinstance(fact, TakeRendered)
        return fact, context.reused

    async def digests(self, fact: TakeRendered) -> list[str]:
        """Of each frame."""
        async with self.store.local(fact.clip.blob) as path:
            with av.open(str(path)) as container:
                frames = container.decode(video=0)
                return [sha256(frame.to_ndarray(format="bgr24").tobytes()).hexdigest() for frame in frames]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with WorkerPool(1) as pool:
        bench = Bench(tmp_path, pool)
        async with bench.scratch:
            yield bench


async def ordered(store: ArtifactStore, paragraphs: Told, *, title: bool = False) -> list[Task]:
    """The tasks for the scenes of a narration."""
    narration = told(paragraphs, fps=OPTIONS.fps, title=title)
    analysis = await store.put_bytes(msgspec.json.encode(heard(narration)), "application/json")
    options = msgspec.structs.replace(OPTIONS, title="The deep") if title else OPTIONS
    return [task_of(shot, analysis) for shot in direct(narration, options, 4).shots]


def task_of(shot: Shot, analysis: Blob) -> Task:
    body = Animate(shot=shot, analysis=analysis, fps=OPTIONS.fps, width=170, height=96, own_clock=True)
    return Task(job_id="j1", run=1, task=f"animate.{shot.scene.id}", attempt=1, owner="ann", body=body)


def shot_of(task: Task) -> Shot:
    assert isinstance(task.body, Animate)
    return task.body.shot


async def test_a_sentence_that_lies_elsewhere_is_not_drawn_again(bench: Bench) -> None:
    short, longer = await ordered(bench.store, SHORT), await ordered(bench.store, LONGER)
    here, there = shot_of(short[-1]), shot_of(longer[-1])
    assert here.scene.start_frame < there.scene.start_frame
    assert here.scene.id != there.scene.id
    first, reused = await bench.take(short[-1])
    assert not reused
    again, reused = await bench.take(longer[-1])
    assert reused
    assert again.clip.blob == first.clip.blob
    for fact, shot in ((first, here), (again, there)):
        assert (fact.clip.scene_id, fact.clip.lead, fact.clip.frames) == (shot.scene.id, shot.lead, shot.frames)
    assert (await bench.take(longer[0]))[1] is False
    assert len([item async for item in bench.store.list("result/")]) == 2


async def test_its_frames_are_the_same_when_they_are_drawn_twice(bench: Bench, tmp_path: Path) -> None:
    digests = []
    for number, paragraphs in enumerate((SHORT, LONGER)):
        async with WorkerPool(1) as pool:
            other = Bench(tmp_path / str(number), pool)
            async with other.scratch:
                fact, reused = await other.take((await ordered(other.store, paragraphs))[-1])
                assert not reused
                digests.append(await other.digests(fact))
    assert digests[0] == digests[1]
    assert len(digests[0]) == fact.clip.frames
    assert sum(one != other for one, other in pairwise(digests[0])) > 0.8 * len(digests[0]), "it moves"


async def test_a_performance_keeps_its_part_of_the_sound(bench: Bench) -> None:
    short = (await ordered(bench.store, SHORT))[-1]
    longer = (await ordered(bench.store, LONGER))[-1]
    for task, reused in ((short, False), (longer, False), (longer, True)):
        assert isinstance(task.body, Animate)
        scene = msgspec.structs.replace(task.body.shot.scene, performance=True)
        body = msgspec.structs.replace(task.body, shot=msgspec.structs.replace(task.body.shot, scene=scene))
        assert (await bench.take(msgspec.structs.replace(task, body=body)))[1] is reused


async def test_a_missing_analysis_is_told(bench: Bench) -> None:
    task = (await ordered(bench.store, SHORT))[0]
    assert isinstance(task.body, Animate)
    await bench.store.delete(task.body.analysis.key)
    with pytest.raises(InputMissing) as caught:
        await bench.take(task)
    assert caught.value.sha256 == task.body.analysis.sha256


async def test_the_clip_is_made_again_when_its_own_analysis_is_gone(bench: Bench) -> None:
    task = (await ordered(bench.store, SHORT))[-1]
    known = {item.key async for item in bench.store.list("blob/")}
    fact, _ = await bench.take(task)
    for key in {item.key async for item in bench.store.list("blob/")} - known:
        await bench.store.delete(key)
    again, reused = await bench.take(task)
    assert (again, reused) == (fact, False)


async def test_servers_are_asked_once_for_a_sentence_and_never_for_a_title(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        title, *short = await ordered(made.store, SHORT, title=True)
        drawn = await made.take(title)
        assert (drawn.backend, drawn.fallback, accepted(comfyui)) == ("builtin", False, 0)
        first = await made.take(short[-1])
        pieces = accepted(comfyui)
        assert (first.backend, pieces > 0) == ("comfyui", True)
        longer = (await ordered(made.store, LONGER))[-1]
        again = await made.take(msgspec.structs.replace(longer, job_id="j2"))
        assert again.clip.blob == first.clip.blob
        assert again.clip.scene_id == shot_of(longer).scene.id
        assert accepted(comfyui) == pieces
