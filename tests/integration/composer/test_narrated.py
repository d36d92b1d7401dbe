"""Narrated videos: captions that light up, the sound, the report, the manifest, and what is made only once."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
import pytest_asyncio

from libs.artifacts.open import open_store
from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import Retryable
from libs.contracts.facts import SceneConformed, SoundtrackMixed, VideoComposed, WorkFact
from libs.contracts.jobs import JobOptions
from libs.contracts.manifest import Manifest
from libs.contracts.report import Report
from libs.contracts.tasks import Task
from libs.media.loudness import LoudnessMeter
from libs.media.sound import decoded, open_media
from libs.runtime.scratch import Scratch
from libs.runtime.settings import Shared
from libs.runtime.workers import WorkerPool
from services.composer.handlers import make_handlers
from services.composer.settings import ComposerSettings
from tests.integration.composer.conftest import make_song
from tests.integration.composer.narrated import ahead_of, order_narrated
from tests.narrations import SCRIPT, narration
from tests.processes import command, descendants
from tests.scratch import files_in_work

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(2) as made:
        yield made


class Room:
    """A composer without a bus, and its store."""

    def __init__(self, folder: Path, pool: WorkerPool, scratch: Scratch) -> None:
        self.store = open_store(f"file://{folder / 'store'}")
        settings = ComposerSettings(shared=Shared(scratch_dir=str(folder / "scratch")))
        self.scratch = scratch
        self._handlers = make_handlers(self.store, pool, settings, scratch)

    async def do(self, task: Task) -> WorkFact:
        """The only fact of a task."""
        (fact,) = await self._handlers[task.kind](task, TaskContext(task))
        return fact

    async def compose(self, task: Task) -> VideoComposed:
        """The video of a task."""
        fact = await self.do(task)
        assert isinstance(fact, VideoComposed)
        return fact

    async def records(self) -> set[str]:
        """The keys of all results."""
        return {item.key async for item in self.store.list("result/")}

    async def read(self, blob: Blob | None) -> bytes:
        """What is in the store."""
        assert blob is not None
        return await self.store.get_bytes(blob.key) or b""

    async def report(self, fact: VideoComposed) -> Report:
        """The report of a video."""
        return msgspec.json.decode(await self.read(fact.report), type=Report)


@pytest_asyncio.fixture(loop_scope="module")
async def room(tmp_path: Path, pool: WorkerPool) -> AsyncIterator[Room]:
    async with Scratch(tmp_path / "scratch") as scratch:
        yield Room(tmp_path, pool, scratch)


async def test_a_narrated_video_is_whole(room: Room, tmp_path: Path) -> None:
    told = narration(lead=30)
    bed = await make_song(tmp_path / "bed.mp3", 5.0)  # shorter than the voice: it is repeated
    task = await order_narrated(room.store, tmp_path, told, bed=bed)
    fact = await room.compose(task)
    report = await room.report(fact)
    assert report.problems == () and report.frames == told.frames
    assert report.loudness is not None and report.telling is not None and report.sound is not None
    assert report.loudness.integrated_lufs == pytest.approx(-16, abs=0.5)
    assert report.loudness.true_peak_dbtp <= -1
    assert report.sound.lag_ms == pytest.approx(0, abs=1)
    telling = report.telling
    count = sum(len(text.split()) for text, _ in SCRIPT)
    assert (telling.words, telling.words_shown, telling.clicks) == (count, count, 0)
    assert telling.word_worst_ms is not None and telling.word_worst_ms <= 1000 / 30
    assert (telling.cuts_in_pauses, telling.cut_worst_ms) == (1.0, 0.0)
    assert telling.bed_below_lu is not None and telling.bed_below_lu >= 15
    assert telling.voice_lufs == pytest.approx(-16, abs=0.5)
    manifest = msgspec.json.decode(await room.read(fact.manifest), type=Manifest)
    assert [one.text for one in manifest.scenes] == [text for text, _ in SCRIPT]
    assert [word.text for one in manifest.scenes for word in one.words] == " ".join(t for t, _ in SCRIPT).split()
    assert manifest.video.sha256 == fact.video.sha256 and manifest.bed and manifest.captions
    assert [image.scene_id for image in fact.images] == [one.id for one in manifest.scenes]
    for image, one in zip(fact.images, manifest.scenes, strict=True):
        assert (await room.read(image.blob))[:3] == b"\xff\xd8\xff"
        assert one.image.sha256 == image.blob.sha256


async def test_the_music_rises_before_the_first_word_and_is_gone_at_the_end(room: Room, tmp_path: Path) -> None:
    told = narration(SCRIPT[:1], lead=90)
    with_bed = await order_narrated(room.store, tmp_path, told, bed=await make_song(tmp_path / "bed.mp3", 9.0))
    fact = await room.compose(with_bed)
    path = tmp_path / "video.mp4"
    path.write_bytes(await room.read(fact.video))
    meter = LoudnessMeter()
    with open_media(path) as container:
        for frame in decoded(container, container.streams.audio[0]):
            meter.add(frame)
    meter.loudness()
    before = meter.momentary[15:25]  # the title stands there
    assert -30 < np.mean(before) < -19
    assert meter.momentary[-1] < -30


async def test_each_word_lights_up_in_its_frame(room: Room, tmp_path: Path) -> None:
    told = narration(SCRIPT[:2])
    fact = await room.compose(await order_narrated(room.store, tmp_path, told, size=(640, 360)))
    path = tmp_path / "video.mp4"
    path.write_bytes(await room.read(fact.video))
    places: list[float | None] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            blue, green, red = np.moveaxis(frame.to_ndarray(format="bgr24")[180:].astype(int), 2, 0)
            yellow = (red > 190) & (green > 150) & (blue < 140)
            rows, columns = np.nonzero(yellow)
            # Reading order: rows of text are further apart than words are long.
            lit = len(columns) > 20
            places.append(float(np.median(columns) + 10 * np.median(rows)) if lit else None)
    fps = Fraction(told.fps)
    for sentence in told.sentences:
        for word in sentence.words:
            begins = sentence.start_frame + round(Fraction(word.start) * fps)
            here, before = places[begins], places[begins - 1] if begins else None
            assert here is not None, f"{word.text} is lit from frame {begins} on"
            assert before is None or abs(here - before) > 8, f"not before: {word.text}"


async def test_only_what_changes_is_made(room: Room, tmp_path: Path) -> None:
    first = await order_narrated(room.store, tmp_path)
    await room.compose(first)
    known = await room.records()
    changed = (SCRIPT[0], ("At half past eleven in the evening he saw the ship.", 0), *SCRIPT[2:])
    await room.compose(await order_narrated(room.store, tmp_path, narration(changed)))
    # The scene with its two ends (the crossfade into the next shows it too), its image, the sound and the video.
    assert len(await room.records() - known) == 5
    await room.compose(await order_narrated(room.store, tmp_path, narration(changed)))
    assert len(await room.records() - known) == 5


async def test_what_was_made_ahead_gives_the_same_video(room: Room, tmp_path: Path) -> None:
    task = await order_narrated(room.store, tmp_path, narration(SCRIPT[:3]))
    plain = await room.compose(msgspec.structs.replace(task, owner="somebody else"))
    known = await room.records()
    mix, *scenes = ahead_of(task)
    assert await room.do(mix) == SoundtrackMixed(copied=False)
    facts = [await room.do(one) for one in scenes]
    assert [fact.encoded for fact in facts if isinstance(fact, SceneConformed)] == [1, 1, 2]
    ahead = await room.records() - known
    fact = await room.compose(task)
    assert fact.video == plain.video and fact.images == plain.images
    assert len(await room.records() - known) == len(ahead) + 1, "the video alone is new"


async def test_without_captions_nothing_but_the_crossfade_is_encoded(room: Room, tmp_path: Path) -> None:
    task = await order_narrated(room.store, tmp_path, narration(SCRIPT[:3]), options=JobOptions(captions=False))
    report = await room.report(await room.compose(task))
    assert report.telling is not None
    assert (report.telling.words_shown, report.telling.word_worst_ms) == (0, None)
    # The crossfade, the sound, three images and the video.
    assert len(await room.records()) == 6


async def test_a_single_word_and_silent_music(room: Room, tmp_path: Path) -> None:
    silence = tmp_path / "bed.wav"
    with av.open(str(silence), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100 * 6), np.int16), format="s16", layout="mono")
        frame.sample_rate = 44100
        out.mux(stream.encode(frame))
    task = await order_narrated(room.store, tmp_path, narration([("Hello!", 0)]), bed=silence)
    report = await room.report(await room.compose(task))
    assert report.telling is not None and report.telling.bed_below_lu is None
    assert report.telling.words_shown == 1 and report.telling.cuts_in_pauses is None


async def test_a_full_disk_is_told_and_leaves_nothing(room: Room, tmp_path: Path) -> None:
    bed = await make_song(tmp_path / "bed.mp3", 5.0)
    mix, *_ = ahead_of(await order_narrated(room.store, tmp_path, narration(SCRIPT[:1]), bed=bed))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))  # children have it too; the mix takes more
    try:
        async with WorkerPool(1) as cramped:
            small = Room(tmp_path, cramped, room.scratch)
            with pytest.raises(Retryable) as full:
                await small.do(mix)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full.value.code == "no_space"
    assert files_in_work(tmp_path / "scratch") == [] and await room.records() == set()
    assert await room.do(mix) == SoundtrackMixed(copied=False)


async def test_cancel_leaves_no_process_and_no_file(room: Room, tmp_path: Path) -> None:
    bed = await make_song(tmp_path / "bed.mp3", 5.0)
    orders = ahead_of(await order_narrated(room.store, tmp_path, narration(SCRIPT[:2]), bed=bed))
    for wait in (0.1, 0.5):
        works = [asyncio.ensure_future(room.do(one)) for one in orders]
        await asyncio.sleep(wait)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        assert files_in_work(tmp_path / "scratch") == []
        assert not [line for line in map(command, descendants(os.getpid())) if "ffmpeg" in line]
