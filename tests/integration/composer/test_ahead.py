"""What is made ahead is found by compose: the soundtrack, and the segments of scenes whose clips are there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from libs.artifacts.open import open_store
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.analysis import Word
from libs.contracts.errors import InputMissing
from libs.contracts.facts import SceneConformed, SoundtrackMixed, VideoComposed, WorkFact
from libs.contracts.report import Report
from libs.contracts.tasks import Compose, Task, TaskKind
from libs.media.encoding import USUAL
from libs.runtime.scratch import Scratch
from libs.runtime.settings import Shared
from libs.runtime.workers import WorkerPool
from services.composer.handlers import make_handlers
from services.composer.settings import ComposerSettings
from tests.integration.composer.conftest import make_song
from tests.integration.composer.orders import conform, mix, order
from tests.processes import command, descendants
from tests.scratch import files_in_work

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(2) as made:
        yield made


class Room:
    """A composer without a bus, its store, and what each of its tasks cost."""

    def __init__(self, store: ArtifactStore, handlers: Mapping[TaskKind, Handler], scratch: Path) -> None:
        self.store = store
        self.scratch = scratch
        self._handlers = handlers
        self.cpu_seconds: dict[str, float] = {}

    async def do(self, task: Task) -> WorkFact:
        """The only fact of a task."""
        context = TaskContext(task)
        (fact,) = await self._handlers[task.kind](task, context)
        self.cpu_seconds[task.task] = context.cpu_seconds
        return fact

    async def records(self) -> dict[str, bytes]:
        """Every result record, by key."""
        found = {item.key: await self.store.get_bytes(item.key) async for item in self.store.list("result/")}
        return {key: data for key, data in found.items() if data is not None}


@pytest_asyncio.fixture(loop_scope="module")
async def room(tmp_path: Path, pool: WorkerPool) -> AsyncIterator[Room]:
    store = open_store(f"file://{tmp_path / 'store'}")
    settings = ComposerSettings(shared=Shared(scratch_dir=str(tmp_path / "scratch")))
    async with Scratch(tmp_path / "scratch") as scratch:
        yield Room(store, make_handlers(store, pool, settings, scratch), tmp_path / "scratch")


async def test_all_but_what_needs_the_last_clip_is_made_before_it_comes(room: Room, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.mp3", 6.0)
    task = await order(room.store, tmp_path, song, lengths=(45, 45, 45, 45), overlaps=(0, 8, 8, 8), quality=USUAL)
    body = task.body
    assert isinstance(body, Compose)
    last = body.clips[3].blob
    clip = await room.store.get_bytes(last.key)
    assert clip is not None
    await room.store.delete(last.key)

    assert await room.do(mix(task)) == SoundtrackMixed(copied=False)
    for number in (1, 2):
        fact = await room.do(conform(task, number, fades=True))
        assert fact == SceneConformed(scene_id=f"s{number:03d}", encoded=1)
    ahead = await room.records()
    assert len(ahead) == 3, "the sound and two crossfades; the bodies are copied"
    with pytest.raises(InputMissing):
        await room.do(conform(task, 3, fades=True))

    await room.store.put_bytes(clip, "video/mp4")
    assert isinstance(await room.do(task), VideoComposed)
    after = await room.records()
    assert {key: after[key] for key in ahead} == ahead
    assert len(after) == len(ahead) + 2, "the last crossfade and the video"


async def test_what_was_made_ahead_gives_the_same_video(room: Room, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.mp3", 5.0)
    words = [Word(text="Hallo", start=1.2, end=3.0, confidence=1)]
    task = await order(room.store, tmp_path, song, words=words)
    plain = await room.do(msgspec.structs.replace(task, owner="somebody else"))
    alone = room.cpu_seconds["compose"]
    await room.do(mix(task))
    for number in range(3):
        await room.do(conform(task, number, fades=number == 2))
    ahead = await room.records()
    fact = await room.do(task)
    assert isinstance(fact, VideoComposed) and isinstance(plain, VideoComposed)
    assert fact.video == plain.video
    assert set(await room.records()) - set(ahead) and len(await room.records()) == len(ahead) + 1
    assert room.cpu_seconds["compose"] < alone


async def test_the_report_counts_what_was_done_ahead(room: Room, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.m4a", 3.0)
    task = await order(room.store, tmp_path, song, lengths=(45, 45), overlaps=(0, 0), quality=USUAL)
    body = task.body
    assert isinstance(body, Compose)
    ahead = msgspec.structs.replace(body.usage[0], stage="composing", wall_seconds=0.0, cpu_seconds=7.0)
    fact = await room.do(
        msgspec.structs.replace(task, body=msgspec.structs.replace(body, usage=(*body.usage, ahead)))
    )
    assert isinstance(fact, VideoComposed)
    report = msgspec.json.decode(await room.store.get_bytes(fact.report.key) or b"", type=Report)
    assert [stage.stage for stage in report.stages] == ["analyzing", "composing"]
    composing = report.stages[-1]
    assert composing.wall_seconds > 0
    assert composing.cpu_seconds == pytest.approx(7.0 + room.cpu_seconds["compose"])


async def test_two_that_want_the_same_make_it_once(room: Room, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.mp3", 5.0)
    task = await order(room.store, tmp_path, song, lengths=(75, 75), overlaps=(0, 8), quality=USUAL)
    scene = conform(task, 1, fades=True)
    await room.do(msgspec.structs.replace(scene, owner="somebody else"))  # the head is known from now on
    once = room.cpu_seconds.pop(scene.task)
    again = msgspec.structs.replace(scene, task="again", attempt=2)
    facts = await asyncio.gather(room.do(scene), room.do(again), room.do(mix(task)), room.do(task))
    assert facts[0] == facts[1]
    assert min(room.cpu_seconds[scene.task], room.cpu_seconds["again"]) < once / 2
    assert len(await room.records()) == 4, "somebody else's crossfade; the sound, the crossfade and the video"


async def test_a_song_that_is_copied_needs_no_mixing(room: Room, tmp_path: Path) -> None:
    task = await order(room.store, tmp_path, await make_song(tmp_path / "song.m4a", 5.0))
    assert await room.do(mix(task)) == SoundtrackMixed(copied=True)
    assert await room.records() == {}


async def test_cancel_leaves_no_process_and_no_file(room: Room, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.mp3", 20.0)
    task = await order(room.store, tmp_path, song, lengths=(300, 300), overlaps=(0, 8))
    for wait in (0.1, 0.6):
        works = [asyncio.ensure_future(room.do(one)) for one in (mix(task), conform(task, 1, fades=True))]
        await asyncio.sleep(wait)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        assert files_in_work(room.scratch) == []
        assert not [line for line in map(command, descendants(os.getpid())) if "ffmpeg" in line]
