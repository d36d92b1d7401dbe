"""The handler of `plan` with a real store and real worker children."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from libs.artifacts import ArtifactStore, open_store
from libs.bus.handler import Handler, TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import InputMissing, Permanent
from libs.contracts.facts import StoryboardPlanned
from libs.contracts.jobs import JobOptions
from libs.contracts.looks import looks_by_name
from libs.contracts.scripts import Script
from libs.contracts.storyboard import Storyboard
from libs.contracts.tasks import Plan, Task
from libs.runtime.workers import WorkerPool
from services.planner.handlers import make_handlers
from services.planner.settings import PlannerSettings
from tests.unit.planner.narrations import SEA, told
from tests.unit.planner.songs import song, steady

GONE = Blob(sha256="b" * 64, size=1, media_type="application/json")


class Bench:
    """A planner without a bus."""

    def __init__(self, root: Path, pool: WorkerPool) -> None:
        self.store: ArtifactStore = open_store(f"file://{root}/artifacts")
        self.direct: Handler = make_handlers(self.store, pool, PlannerSettings())["plan"]

    async def analysis(self) -> Blob:
        return await self.store.put_bytes(msgspec.json.encode(song(30.0, steady(120.0, 30.0))), "application/json")

    async def document(self, value: msgspec.Struct) -> Blob:
        return await self.store.put_bytes(msgspec.json.encode(value), "application/json")

    async def picture(self) -> Blob:
        """A red disc before blue: it has something to see."""
        pixels = np.full((300, 400, 3), (180, 90, 30), np.uint8)
        cv2.circle(pixels, (200, 150), 90, (40, 60, 220), -1)
        return await self.store.put_bytes(cv2.imencode(".png", pixels)[1].tobytes(), "image/png")

    async def fact(self, body: Plan) -> tuple[StoryboardPlanned, bool]:
        task = Task(job_id="j1", run=1, task="plan", attempt=1, owner="ann", body=body)
        context = TaskContext(task)
        (fact,) = await self.direct(task, context)
        assert isinstance(fact, StoryboardPlanned)
        return fact, context.reused


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with WorkerPool(1) as pool:
        yield Bench(tmp_path, pool)


async def test_what_changes_the_picture_makes_another_plan_and_nothing_else_does(bench: Bench) -> None:
    analysis = await bench.analysis()
    fact, reused = await bench.fact(Plan(analysis=analysis, options=JobOptions(), seed=1))
    assert not reused
    data = await bench.store.get_bytes(fact.storyboard.key)
    assert data is not None
    assert msgspec.json.decode(data, type=Storyboard).frames == fact.frames == 900
    assert (fact.width, fact.height, fact.fps) == (1920, 1080, "30")

    same = JobOptions(callback_url="https://example.org/hook", preview=True, lossless_audio=True, seed=9)
    again, reused = await bench.fact(Plan(analysis=analysis, options=same, seed=1))
    assert reused
    assert again == fact

    for other in (
        Plan(analysis=analysis, options=JobOptions(), seed=2),
        Plan(analysis=analysis, options=JobOptions(prompt="rain"), seed=1),
        Plan(analysis=analysis, options=JobOptions(fps="25"), seed=1),
        Plan(analysis=analysis, options=JobOptions(title="Other"), seed=1),
        Plan(analysis=analysis, options=JobOptions(captions=False), seed=1),
        Plan(analysis=analysis, options=JobOptions(), seed=1, image=await bench.picture()),
    ):
        different, reused = await bench.fact(other)
        assert not reused
        assert different.storyboard != fact.storyboard


async def test_a_picture_that_is_gone_or_broken(bench: Bench) -> None:
    analysis = await bench.analysis()
    with pytest.raises(InputMissing) as missing:
        await bench.fact(Plan(analysis=analysis, options=JobOptions(), seed=1, image=GONE))
    assert missing.value.sha256 == GONE.sha256
    broken = await bench.store.put_bytes(b"\x89PNG\r\n\x1a\n and no more", "image/png")
    with pytest.raises(Permanent) as refused:
        await bench.fact(Plan(analysis=analysis, options=JobOptions(), seed=1, image=broken))
    assert refused.value.code == "bad_image"


async def test_a_picture_with_nothing_to_see_is_told_and_left_out(bench: Bench) -> None:
    analysis = await bench.analysis()
    dot = await bench.store.put_bytes(cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes(), "image/png")
    fact, _ = await bench.fact(Plan(analysis=analysis, options=JobOptions(), seed=1, image=dot))
    plain, _ = await bench.fact(Plan(analysis=analysis, options=JobOptions(), seed=1))
    assert [notice.code for notice in fact.notices] == ["plain_picture"]
    assert [shot.scene.look for shot in fact.shots] == [shot.scene.look for shot in plain.shots]
    assert plain.notices == ()


async def test_the_picture_gives_looks_and_colours(bench: Bench) -> None:
    analysis = await bench.analysis()
    fact, _ = await bench.fact(Plan(analysis=analysis, options=JobOptions(), seed=1, image=await bench.picture()))
    shown = [bool({"picture", "subject"} & set(looks_by_name()[shot.scene.look].needs)) for shot in fact.shots]
    assert sum(shown) > len(shown) / 2
    plain, _ = await bench.fact(Plan(analysis=analysis, options=JobOptions(), seed=1))
    assert plain.shots[0].scene.palette != fact.shots[0].scene.palette


async def test_an_analysis_that_is_gone_or_broken(bench: Bench) -> None:
    with pytest.raises(InputMissing) as missing:
        await bench.fact(Plan(analysis=GONE, options=JobOptions(), seed=1))
    assert missing.value.sha256 == GONE.sha256
    broken = await bench.store.put_bytes(b'{"duration": "long"}', "application/json")
    with pytest.raises(Permanent):
        await bench.fact(Plan(analysis=broken, options=JobOptions(), seed=1))


async def test_options_that_cannot_be_used_are_refused(bench: Bench) -> None:
    with pytest.raises(Permanent) as refused:
        await bench.fact(Plan(analysis=await bench.analysis(), options=JobOptions(fps="5"), seed=1))
    assert refused.value.code == "bad_options"


async def test_a_narration_is_planned_by_its_script_and_its_music(bench: Bench) -> None:
    narration = told(SEA, title=True)
    order = Plan(
        analysis=GONE,
        options=JobOptions(title="The deep"),
        seed=1,
        narration=await bench.document(narration),
        script=await bench.document(Script(text="", prompts=("a whale",) * 30)),
        bed=await bench.analysis(),
    )
    fact, reused = await bench.fact(order)
    assert not reused
    assert fact.frames == narration.frames
    assert [notice.code for notice in fact.notices] == ["prompts_unused"]
    assert [fact.shots[0].scene.look, fact.shots[1].scene.prompt] == ["title", "a whale"]
    song_options = JobOptions(title="The deep", clip_seconds=8, performance_density=0.5)
    again, reused = await bench.fact(msgspec.structs.replace(order, options=song_options))
    assert (again, reused) == (fact, True)
    for other in (
        msgspec.structs.replace(order, narration=await bench.document(told(SEA[1:], title=True))),
        msgspec.structs.replace(order, script=await bench.document(Script(text="", prompts=("a ship",)))),
        msgspec.structs.replace(order, script=None),
        msgspec.structs.replace(order, bed=None),
        msgspec.structs.replace(order, seed=2),
    ):
        different, reused = await bench.fact(other)
        assert not reused
        assert different.storyboard != fact.storyboard


@pytest.mark.parametrize("name", ["narration", "script", "bed"])
async def test_a_document_of_a_narrated_video_that_is_gone_or_broken(bench: Bench, name: str) -> None:
    order = Plan(analysis=GONE, options=JobOptions(), seed=1, narration=await bench.document(told(SEA)))
    with pytest.raises(InputMissing) as missing:
        await bench.fact(msgspec.structs.replace(order, **{name: GONE}))
    assert missing.value.sha256 == GONE.sha256
    broken = await bench.store.put_bytes(b"{", "application/json")
    with pytest.raises(Permanent) as refused:
        await bench.fact(msgspec.structs.replace(order, **{name: broken}))
    assert refused.value.code == "unexpected"
