"""A whole video from its parts, through the handler, with real processes and a real store."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Iterable
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from libs.artifacts.open import open_store
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.analysis import Word
from libs.contracts.errors import Permanent, Retryable
from libs.contracts.facts import VideoComposed
from libs.contracts.jobs import JobOptions
from libs.contracts.messages import Progress
from libs.contracts.report import Report
from libs.contracts.tasks import Compose, StageUsage, Task
from libs.media.encoding import USUAL, Encoding
from libs.media.writer import FrameWriter
from libs.runtime.scratch import Scratch
from libs.runtime.settings import Shared
from libs.runtime.workers import WorkerPool
from services.composer.handlers import make_handlers
from services.composer.settings import ComposerSettings
from services.composer.sheet import HEAD
from services.composer.sheet_layout import MARGIN
from services.composer.sheet_layout import WIDTH as SHEET_WIDTH
from tests.integration.composer.conftest import make_song
from tests.integration.composer.orders import order
from tests.integration.composer.pictures import HEIGHT, WIDTH, numbered, pictures_of
from tests.processes import command, descendants
from tests.scratch import files_in_work


class Bench:
    """A composer without a bus."""

    def __init__(self, store: ArtifactStore, handler: Handler, root: Path) -> None:
        self.store = store
        self.compose = handler
        self.root = root
        self.scratch = root / "scratch"

    def blobs(self) -> int:
        """How many blobs the store holds."""
        return sum(1 for path in (self.root / "store" / "blob").rglob("*") if path.is_file())

    def leftovers(self) -> list[Path]:
        """Files in scratch that are no locks."""
        return files_in_work(self.scratch)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(2) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def bench(tmp_path: Path, pool: WorkerPool) -> AsyncIterator[Bench]:
    store = open_store(f"file://{tmp_path / 'store'}")
    settings = ComposerSettings(shared=Shared(scratch_dir=str(tmp_path / "scratch")))
    async with Scratch(tmp_path / "scratch") as scratch:
        yield Bench(store, make_handlers(store, pool, settings, scratch)["compose"], tmp_path)


async def read_report(bench: Bench, fact: VideoComposed) -> Report:
    data = await bench.store.get_bytes(fact.report.key)
    assert data is not None
    return msgspec.json.decode(data, type=Report)


@pytest.mark.parametrize(
    ("name", "codec", "copied"),
    [
        ("song.mp3", "aac", False),
        ("song.wav", "aac", False),
        ("song.flac", "aac", False),
        ("song.ogg", "aac", False),
        ("song.m4a", "aac", True),
    ],
)
async def test_the_sound_lies_on_the_song(
    bench: Bench, tmp_path: Path, name: str, codec: str, copied: bool
) -> None:
    song = await make_song(tmp_path / name, 5.0)
    task = await order(bench.store, tmp_path, song)
    facts = await bench.compose(task, TaskContext(task))
    fact = facts[0]
    assert isinstance(fact, VideoComposed)
    report = await read_report(bench, fact)
    assert report.problems == ()
    assert report.sound is not None
    assert (report.sound.codec, report.sound.copied) == (codec, copied)
    assert report.sound.lag_ms is not None and abs(report.sound.lag_ms) < 1
    assert (report.frames, report.planned_frames, report.pts_steps_ok) == (150, 150, True)
    assert [cut.found_frame for cut in report.cuts] == [45, 105]
    assert [cut.kind for cut in report.cuts] == ["cut", "crossfade"]
    assert report.cut_beat_worst_ms == 0
    assert bench.leftovers() == []


async def test_flac_is_copied_on_request(bench: Bench, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.flac", 5.0)
    task = await order(bench.store, tmp_path, song, options=JobOptions(lossless_audio=True))
    (fact,) = await bench.compose(task, TaskContext(task))
    assert isinstance(fact, VideoComposed)
    report = await read_report(bench, fact)
    assert report.sound is not None and (report.sound.codec, report.sound.copied) == ("flac", True)
    assert report.sound.lag_ms is not None and abs(report.sound.lag_ms) < 0.1


async def test_what_is_delivered(bench: Bench, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.mp3", 5.0)
    task = await order(bench.store, tmp_path, song)
    told: list[Progress] = []
    context = TaskContext(task, told.append)
    (fact,) = await bench.compose(task, context)
    assert isinstance(fact, VideoComposed)
    assert context.cpu_seconds > 0.1
    assert [one.fraction for one in told] == sorted(one.fraction for one in told)

    async with bench.store.local(fact.video) as path:
        head = path.read_bytes()[:64_000]
        assert 0 < head.find(b"moov") < head.find(b"mdat")
        with av.open(str(path)) as container:
            context_ = container.streams.video[0].codec_context
            assert (context_.name, context_.pix_fmt) == ("h264", "yuv420p")
            assert (context_.colorspace, context_.color_primaries, context_.color_trc) == (1, 1, 1)
            assert container.duration is not None and abs(container.duration / 1e6 - 5.0) < 0.001
        frames, times = pictures_of(path)
        assert times == [Fraction(number, 30) for number in range(150)]
    async with bench.store.local(fact.poster) as path:
        assert path.read_bytes()[:2] == b"\xff\xd8"
        with av.open(str(path), format="jpeg_pipe") as container:
            picture = next(container.decode(video=0)).to_ndarray(format="bgr24")
        assert picture.shape == frames[0].shape and picture.mean() > 20
    assert fact.sheet is not None
    async with bench.store.local(fact.sheet) as path:
        with Image.open(path) as sheet:
            assert (sheet.format, sheet.width) == ("JPEG", SHEET_WIDTH)
            shown = np.asarray(sheet.convert("RGB"))[HEAD : HEAD + 100, MARGIN : MARGIN + 130]
    assert shown.mean() > 45, "the first scene's frame, brighter than the ground"
    report = await read_report(bench, fact)
    assert report.motion is not None and len(report.motion.scenes) == len(report.cuts) + 1
    assert report.loudness is not None and report.flashes is not None and report.picture_rate is not None
    assert [stage.stage for stage in report.stages] == ["analyzing", "composing"]
    assert report.stages[0] == StageUsage(stage="analyzing", wall_seconds=1, cpu_seconds=2)
    assert report.stages[1].cpu_seconds == pytest.approx(context.cpu_seconds, rel=0.5)


async def test_done_work_is_not_done_again(bench: Bench, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.mp3", 5.0)
    task = await order(bench.store, tmp_path, song)
    first = await bench.compose(task, TaskContext(task))
    stored = bench.blobs()
    context = TaskContext(task)
    assert await bench.compose(task, context) == first
    assert context.reused and context.cpu_seconds == 0
    assert bench.blobs() == stored


async def test_a_lost_segment_costs_that_segment_alone(bench: Bench, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.mp3", 5.0)
    task = await order(bench.store, tmp_path, song)
    (fact,) = await bench.compose(task, TaskContext(task))
    assert isinstance(fact, VideoComposed)
    # The record of the whole and the video are lost; the segments are there, one of them cut short on the disk.
    for path in (bench.root / "store" / "result").rglob("*"):
        if path.is_file() and b"video.composed" in path.read_bytes():
            path.unlink()
    segment = next(
        path
        for path in sorted((bench.root / "store" / "blob").rglob("*"))
        if path.is_file() and b"segment" not in path.name.encode() and _packets(path) == 41
    )
    segment.write_bytes(segment.read_bytes()[:100])
    context = TaskContext(task)
    (again,) = await bench.compose(task, context)
    assert isinstance(again, VideoComposed)
    assert again.video == fact.video
    assert not context.reused


def _packets(path: Path) -> int:
    try:
        with av.open(str(path)) as container:
            return container.streams.video[0].frames
    except (av.error.FFmpegError, IndexError):
        return 0


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("song.wav", ("-ac", "1", "-ar", "8000")),
        ("song.flac", ("-af", "pan=7.1|FL=c0|FR=c1|FC=c0|SL=c0|SR=c1|BL=c0|BR=c1")),
        ("song.mp3", ("-ac", "1")),
        ("song.wav", ("-ar", "96000")),
    ],
    ids=["8 kHz mono", "7.1", "mono mp3", "96 kHz"],
)
async def test_every_song_becomes_stereo_without_lag(
    bench: Bench, tmp_path: Path, name: str, extra: tuple[str, ...]
) -> None:
    song = await make_song(tmp_path / name, 5.0, extra=extra)
    task = await order(bench.store, tmp_path, song, lengths=(75, 75), overlaps=(0, 0))
    (fact,) = await bench.compose(task, TaskContext(task))
    assert isinstance(fact, VideoComposed)
    report = await read_report(bench, fact)
    assert report.sound is not None and report.sound.lag_ms is not None and abs(report.sound.lag_ms) < 1
    async with bench.store.local(fact.video) as path:
        with av.open(str(path)) as container:
            sound = container.streams.audio[0].codec_context
            assert (sound.channels, sound.sample_rate in (44100, 48000)) == (2, True)


async def test_a_silent_song_is_composed(bench: Bench, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.wav", 5.0, extra=("-af", "volume=0"))
    task = await order(bench.store, tmp_path, song, lengths=(75, 75), overlaps=(0, 0))
    (fact,) = await bench.compose(task, TaskContext(task))
    assert isinstance(fact, VideoComposed)
    report = await read_report(bench, fact)
    assert report.sound is not None and report.sound.lag_ms is None and report.problems == ()


async def test_captions_are_seen_where_they_belong(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FONTCONFIG_FILE", "/dev/null")  # a machine without any font
    song = await make_song(tmp_path / "song.mp3", 5.0)
    words = [Word(text="WWWW{\\fs1}WWWW", start=1.6, end=3.0, confidence=1)]
    task = await order(bench.store, tmp_path, song, words=words)
    (fact,) = await bench.compose(task, TaskContext(task))
    plain_task = await order(bench.store, tmp_path, song, words=words, options=JobOptions(captions=False))
    (plain,) = await bench.compose(plain_task, TaskContext(plain_task))
    assert isinstance(fact, VideoComposed) and isinstance(plain, VideoComposed)
    async with bench.store.local(fact.video) as one, bench.store.local(plain.video) as other:
        with_text, without = pictures_of(one)[0], pictures_of(other)[0]
    changed = [
        number
        for number, (a, b) in enumerate(zip(with_text, without, strict=True))
        if np.abs(a.astype(int) - b)[60:].max() > 60
    ]
    assert changed[0] in range(48, 52) and changed[-1] in range(98, 101)
    assert changed == list(range(changed[0], changed[-1] + 1))


async def test_cancel_leaves_no_process_and_no_file(bench: Bench, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.mp3", 20.0)
    task = await order(bench.store, tmp_path, song, lengths=(300, 300), overlaps=(0, 0))
    for wait in (0.02, 0.1, 0.25):
        work = asyncio.ensure_future(bench.compose(task, TaskContext(task)))
        await asyncio.sleep(wait)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert bench.leftovers() == []
        assert not [line for line in map(command, descendants(os.getpid())) if "ffmpeg" in line]


async def test_a_full_disk_is_told(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = await make_song(tmp_path / "song.mp3", 5.0)
    task = await order(bench.store, tmp_path, song, lengths=(75, 75), overlaps=(0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(Retryable) as told:
            await bench.compose(task, TaskContext(task))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.value.code == "no_space"
    assert bench.leftovers() == []
    (fact,) = await bench.compose(task, TaskContext(task))
    assert isinstance(fact, VideoComposed)


async def with_second_clip(bench: Bench, folder: Path, frames: Iterable[np.ndarray]) -> Task:
    """An order of two scenes of 75 frames each, whose second clip holds these frames instead."""
    song = await make_song(folder / "song.mp3", 5.0)
    task = await order(bench.store, folder, song, lengths=(75, 75), overlaps=(0, 0))
    body = task.body
    assert isinstance(body, Compose)
    first, second = body.clips
    path = folder / "second.mp4"
    with FrameWriter(path, Encoding(WIDTH, HEIGHT, Fraction(30), USUAL)) as writer:
        for frame in frames:
            writer.write(frame)
    other = msgspec.structs.replace(second, blob=await bench.store.put_file(path, "video/mp4"))
    return msgspec.structs.replace(task, body=msgspec.structs.replace(body, clips=(first, other)))


async def test_a_clip_with_too_few_frames_fails_the_task(bench: Bench, tmp_path: Path) -> None:
    task = await with_second_clip(bench, tmp_path, map(numbered, range(60)))
    with pytest.raises(Permanent) as failed:
        await bench.compose(task, TaskContext(task))
    assert failed.value.code == "output_check_failed" and "60 frames" in failed.value.message


async def test_black_is_not_delivered(bench: Bench, tmp_path: Path) -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    task = await with_second_clip(
        bench, tmp_path, [numbered(number) if number > 30 else black for number in range(75)]
    )
    with pytest.raises(Permanent, match=r"black from 2\.50 to 3\.53"):
        await bench.compose(task, TaskContext(task))
    assert bench.leftovers() == []
