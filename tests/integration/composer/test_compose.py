"""A whole video from its parts, through the handler, with real processes and a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import pytest

from libs.artifacts.open import open_store
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.facts import VideoComposed
from libs.contracts.jobs import JobOptions
from libs.contracts.messages import Progress
from libs.contracts.report import Report
from libs.contracts.tasks import StageUsage
from libs.runtime.settings import Shared
from libs.runtime.workers import WorkerPool
from services.composer.handlers import make_handlers
from services.composer.scratch import Scratch
from services.composer.settings import ComposerSettings
from tests.integration.composer.conftest import make_song
from tests.integration.composer.orders import order
from tests.integration.composer.pictures import pictures_of


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
        return [path for path in self.scratch.rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(2) as made:
        yield made


@pytest.fixture
async def bench(tmp_path: Path, pool: WorkerPool) -> AsyncIterator[Bench]:
    store = open_store(f"file://{tmp_path / 'store'}")
    scratch = Scratch(tmp_path / "scratch")
    scratch.open()
    settings = ComposerSettings(shared=Shared(scratch_dir=str(tmp_path / "scratch")))
    yield Bench(store, make_handlers(store, pool, settings, scratch)["compose"], tmp_path)
    scratch.close()


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
    report = await read_report(bench, fact)
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
