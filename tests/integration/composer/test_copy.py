"""What a clip of the video's own encoding shows is copied as it is; any other clip is encoded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from libs.artifacts.open import open_store
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.errors import InputMissing, Permanent
from libs.contracts.facts import VideoComposed
from libs.contracts.jobs import JobOptions
from libs.contracts.report import Report
from libs.contracts.tasks import Compose
from libs.media.encoding import PREVIEW, USUAL, Encoding, Quality, output_options
from libs.media.ffmpeg import run_ffmpeg
from libs.media.frames import parse_fps
from libs.media.writer import FrameWriter
from libs.runtime.scratch import Scratch
from libs.runtime.settings import Shared
from libs.runtime.workers import WorkerPool
from services.composer.encode import Input, head_args, segment_args
from services.composer.handlers import make_handlers
from services.composer.join import join
from services.composer.parts import Head, Part, misfit, read_head
from services.composer.settings import ComposerSettings
from services.composer.timeline import segments
from tests.integration.composer.conftest import make_song
from tests.integration.composer.orders import order
from tests.integration.composer.pictures import (
    HEIGHT,
    WIDTH,
    borders,
    expected,
    numbered,
    pictures_of,
    storyboard,
    write_clip,
)

FPS = Fraction(30)
PARAMETERS = (7, 8)
"""The types of H.264 units that hold a decoder's parameters."""


async def make_head(encoding: Encoding, folder: Path) -> Head:
    """The head of what the composer encodes."""
    await run_ffmpeg(head_args(encoding, folder / "head.mp4"), timeout_s=20)
    return read_head(str(folder / "head.mp4"))


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Head:
    """The head of what the composer encodes at 30 frames a second."""
    return asyncio.run(make_head(Encoding(WIDTH, HEIGHT, FPS, USUAL), tmp_path_factory.mktemp("head")))


def write(path: Path, frames: int = 60, *, quality: Quality = USUAL, keys: tuple[int, ...] = (20,)) -> Part:
    """A clip of numbered pictures; its frames from 20 on are the part to copy."""
    with FrameWriter(path, Encoding(WIDTH, HEIGHT, FPS, quality), keys=keys) as writer:
        for number in range(frames):
            writer.write(numbered(number))
    return Part(str(path), 20, 40)


@pytest.mark.parametrize(
    ("rate", "quality"), [("24", USUAL), ("25", USUAL), ("29.97", USUAL), ("60", USUAL), ("30", PREVIEW)]
)
async def test_copied_frames_are_those_of_the_clip(rate: str, quality: Quality, tmp_path: Path) -> None:
    fps = parse_fps(rate)
    board = storyboard([61, 30, 8, 1, 2, 170], [0, 8, 4, 0, 0, 0], fps)
    encoding = Encoding(WIDTH, HEIGHT, fps, quality)
    head = await make_head(encoding, tmp_path)
    files = {one.id: tmp_path / f"{one.id}.mp4" for one in board.scenes}
    clips = [
        write_clip(files[one.id], board, number, quality=quality, keys=borders(board, number))
        for number, one in enumerate(board.scenes)
    ]
    parts, copied = [], []
    for number, segment in enumerate(segments(board, clips)):
        inputs = [Input(files[one.clip.scene_id], one.first) for one in segment.sources]
        if len(inputs) == 1:
            parts.append(Part(str(inputs[0].path), inputs[0].first, segment.frames))
            copied.append((segment, inputs[0]))
        else:
            path = tmp_path / f"segment{number}.mp4"
            await run_ffmpeg(segment_args(encoding, inputs, segment.frames, path), timeout_s=60)
            parts.append(Part(str(path), 0, segment.frames))
        assert misfit(parts[-1], fps, head) == ""
    assert len(parts) == 8 and len(copied) == 6
    song = await make_song(tmp_path / "song.m4a", float(board.frames / fps))
    join(parts, fps, head, str(song), str(tmp_path / "out.mp4"))

    frames, times = pictures_of(tmp_path / "out.mp4")
    assert times == [number / fps for number in range(board.frames)]
    for number, frame in enumerate(frames):
        assert np.abs(frame.astype(int) - expected(board, number)).mean() < 6
    for segment, source in copied:
        there = pictures_of(source.path)[0][source.first : source.first + segment.frames]
        assert np.array_equal(np.stack(there), np.stack(frames[segment.start : segment.end]))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert (container.streams.video[0].codec_context.extradata or b"") == head.extradata
        assert not [
            kind for packet in container.demux(video=0) for kind in units(bytes(packet)) if kind in PARAMETERS
        ]


def units(data: bytes) -> list[int]:
    """The types of a packet's H.264 units."""
    kinds, at = [], 0
    while at + 4 < len(data):
        kinds.append(data[at + 4] & 0x1F)
        at += 4 + int.from_bytes(data[at : at + 4])
    return kinds


def no_key(path: Path) -> Part:
    return write(path, keys=())


def key_beside(path: Path) -> Part:
    return write(path, keys=(19,))


def other_quality(path: Path) -> Part:
    return write(path, quality=Quality("veryfast", 17))


def other_preset(path: Path) -> Part:
    return write(path, quality=Quality("ultrafast", 18))


def frame_short(path: Path) -> Part:
    return write(path, 59)


def end_within_a_group(path: Path) -> Part:
    """The frame before the end is decoded after the one that follows it."""
    return write(path, 100)


def cut_off(path: Path) -> Part:
    part = write(path)
    path.write_bytes(path.read_bytes()[:200])
    return part


def no_video(path: Path) -> Part:
    path.write_text("no video")
    return Part(str(path), 20, 40)


@pytest.mark.parametrize(
    "make", [no_key, key_beside, other_quality, other_preset, frame_short, end_within_a_group, cut_off, no_video]
)
async def test_what_does_not_fit_is_told(make: Callable[[Path], Part], head: Head, tmp_path: Path) -> None:
    part = make(tmp_path / "clip.mp4")
    assert misfit(part, FPS, head) != ""
    song = await make_song(tmp_path / "song.m4a", 1)
    with pytest.raises((Permanent, av.error.FFmpegError)):
        join([part], FPS, head, str(song), str(tmp_path / "out.mp4"))


async def test_an_open_group_does_not_fit(head: Head, tmp_path: Path) -> None:
    raw = b"".join(numbered(number).tobytes() for number in range(60))
    (tmp_path / "raw").write_bytes(raw)
    options = output_options(Encoding(WIDTH, HEIGHT, FPS, USUAL))
    options["x264-params"] = "open-gop=1:scenecut=0:keyint=20:min-keyint=20"
    path = tmp_path / "clip.mp4"
    source = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{WIDTH}x{HEIGHT}", "-framerate", "30"]
    tags = "scale=out_color_matrix=bt709,setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    output = [word for name, value in options.items() for word in (f"-{name}", str(value))]
    await run_ffmpeg([*source, "-i", str(tmp_path / "raw"), "-vf", tags, *output, str(path)], timeout_s=60)
    with av.open(str(path)) as container:
        packets = list(container.demux(video=0))
    keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    opened = [number for number in keys if 5 not in units(bytes(packets[number]))]
    assert opened
    for first in (*opened, *range(18, 23)):
        assert misfit(Part(str(path), first, 60 - first), FPS, head) != ""


class Bench:
    """A composer without a bus."""

    def __init__(self, store: ArtifactStore, handler: Handler) -> None:
        self.store = store
        self.compose = handler

    async def records(self) -> int:
        """How many results the store holds: the video, the sound and each segment that was encoded."""
        return len([key async for key in self.store.list("result/")])


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = open_store(f"file://{tmp_path / 'store'}")
    settings = ComposerSettings(shared=Shared(scratch_dir=str(tmp_path / "scratch")))
    async with WorkerPool(1) as pool, Scratch(tmp_path / "scratch") as scratch:
        yield Bench(store, make_handlers(store, pool, settings, scratch)["compose"])


@pytest.mark.parametrize(
    ("quality", "preview", "encoded"),
    [(USUAL, False, 1), (PREVIEW, True, 1), (PREVIEW, False, 4), (USUAL, True, 4)],
)
async def test_only_what_must_be_is_encoded(
    quality: Quality, preview: bool, encoded: int, bench: Bench, tmp_path: Path
) -> None:
    song = await make_song(tmp_path / "song.mp3", 5.0)
    task = await order(bench.store, tmp_path, song, quality=quality, options=JobOptions(preview=preview))
    (fact,) = await bench.compose(task, TaskContext(task))
    assert isinstance(fact, VideoComposed)
    assert await bench.records() == encoded + 2
    data = await bench.store.get_bytes(fact.report.key)
    assert data is not None
    report = msgspec.json.decode(data, type=Report)
    assert (report.problems, report.frames, report.pts_steps_ok, report.preview) == ((), 150, True, preview)
    assert [cut.found_frame for cut in report.cuts] == [45, 105]


async def test_a_clip_that_is_gone_is_named(bench: Bench, tmp_path: Path) -> None:
    song = await make_song(tmp_path / "song.mp3", 5.0)
    task = await order(bench.store, tmp_path, song, quality=USUAL)
    assert isinstance(task.body, Compose)
    lost = task.body.clips[1].blob
    await bench.store.delete(lost.key)
    with pytest.raises(InputMissing) as told:
        await bench.compose(task, TaskContext(task))
    assert told.value.sha256 == lost.sha256
