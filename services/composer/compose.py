"""One video from its clips: segments, sound, join, measure, poster. Effects in order, each step reusable.

Every segment is a result of its own, so that a crash costs one of them. Nothing but files in the scratch folder
is left half done.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import msgspec

from libs.artifacts.results import Made, find_blob, keep_blob
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import TaskContext
from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.errors import InputMissing, Permanent
from libs.contracts.facts import Usage, VideoComposed
from libs.contracts.report import Report
from libs.contracts.storyboard import Storyboard
from libs.contracts.tasks import Compose, StageUsage
from libs.media.ffmpeg import ToolRun, run_ffmpeg
from libs.runtime.spawn import Limits
from libs.runtime.workers import WorkerPool
from services.composer.captions import Caption, captions, layout, script, within
from services.composer.changes import Planned
from services.composer.encode import Input, Picture, Text, segment_args
from services.composer.join import check_head, join, read_head
from services.composer.judge import make_report, sound_problems
from services.composer.measure import PictureMeasure, SoundMeasure, measure_picture, measure_sound
from services.composer.poster import poster_args
from services.composer.settings import ComposerSettings
from services.composer.song import encode_args, is_copied, read_track
from services.composer.timeline import Segment, joins, segments
from services.composer.together import together

VERSION = "1"
"""Raised whenever what this module makes of the same inputs changes."""

SEGMENTS, SOUND, JOINED = 0.80, 0.82, 0.85
"""How far the whole is after each step."""

_MEMORY = 4 << 30
_NICE = 5
_PATIENCE_S = 30.0

T = TypeVar("T")


def fonts() -> Path:
    """The folder of the font that captions are set in: so they are the same on a machine without any font."""
    return Path(str(files("font_manrope"))) / "files"


class _SegmentOrder(msgspec.Struct, frozen=True):
    number: int
    part: Segment
    picture: Picture
    text: str
    """The ASS script; empty without captions."""
    key: str


class _SegmentBlob(msgspec.Struct, frozen=True):
    order: _SegmentOrder
    blob: Blob


class _Sound(msgspec.Struct, frozen=True):
    aac: Blob | None
    """None: the song's own packets are copied."""


class Composition:
    """The work on one task. `encoders` bounds the ffmpeg processes of all videos together."""

    def __init__(
        self,
        order: Compose,
        owner: str,
        *,
        store: ArtifactStore,
        pool: WorkerPool,
        settings: ComposerSettings,
        encoders: asyncio.Semaphore,
        context: TaskContext,
        folder: Path,
    ) -> None:
        self._order = order
        self._owner = owner
        self._store = store
        self._pool = pool
        self._settings = settings
        self._encoders = encoders
        self._context = context
        self._folder = folder
        self._cpu = 0.0

    async def make(self) -> Made:
        """The video, its report and its poster in the store.

        Raises `Permanent("output_check_failed")` when the finished file isn't what was planned.
        """
        began = time.monotonic()
        board = await self._document(self._order.storyboard, Storyboard)
        analysis = await self._document(self._order.analysis, Analysis)
        parts = segments(board, self._order.clips)
        blobs, sound = await together(self._segments(board, analysis, parts), self._sound(board))
        planned = [Planned(one.frame, one.frames) for one in joins(board)]
        async with AsyncExitStack() as opened:
            files = [await self._opened(opened, part, blob) for part, blob in zip(parts, blobs, strict=True)]
            song = await opened.enter_async_context(self._store.local(self._order.song))
            video, picture, heard, copied = await self._finish(board, files, song, sound, planned)
        usage = StageUsage(stage="composing", wall_seconds=time.monotonic() - began, cpu_seconds=self._cpu)
        report = make_report(
            board,
            analysis,
            joins(board),
            picture,
            heard,
            size=video.stat().st_size,
            copied=copied,
            stages=(*self._order.usage, usage),
        )
        if report.problems:
            raise Permanent("output_check_failed", " ".join(report.problems))
        return await self._deliver(board, video, report, picture.poster_frame)

    async def _document(self, blob: Blob, kind: type[T]) -> T:
        data = await self._store.get_bytes(blob.key)
        if data is None:
            raise InputMissing(blob.sha256)
        return msgspec.json.decode(data, type=kind)

    async def _segments(
        self, board: Storyboard, analysis: Analysis, parts: Sequence[Segment]
    ) -> list[_SegmentBlob]:
        """Every segment's blob, several in work at once."""
        done: dict[int, float] = {}

        def tell(number: int, frames: float) -> None:
            done[number] = frames
            share = sum(done.values()) / max(board.frames, 1)
            self._context.progress(SEGMENTS * share, "encoding")

        shown: list[Caption] = []
        if self._order.options.captions and analysis.words:
            shown = await asyncio.to_thread(captions, analysis.words, layout(board.width, board.height).columns)
        orders = [self._ordered(board, shown, number, part) for number, part in enumerate(parts)]
        return await together(*(self._segment(order, tell) for order in orders))

    def _ordered(self, board: Storyboard, shown: Sequence[Caption], number: int, part: Segment) -> _SegmentOrder:
        fps = Fraction(board.fps)
        seen = within(shown, part.start, part.end, fps)
        text = script(seen, board.width, board.height) if seen else ""
        picture = Picture(board.width, board.height, fps, self._settings.preset, self._settings.crf)
        inputs = {
            "sources": [[one.clip.blob.sha256, one.first] for one in part.sources],
            "frames": part.frames,
            "picture": [board.width, board.height, board.fps, picture.preset, picture.crf],
            "text": [hashlib.sha256(text.encode()).hexdigest(), part.start] if text else None,
            "tool": self._settings.shared.ffmpeg,
        }
        return _SegmentOrder(number, part, picture, text, result_key("segment", VERSION, self._owner, inputs))

    async def _segment(self, order: _SegmentOrder, tell: Callable[[int, float], None]) -> _SegmentBlob:
        blob = await find_blob(self._store, order.key)
        if blob is None:
            blob = await self._encoded(order, tell)
        tell(order.number, order.part.frames)
        return _SegmentBlob(order, blob)

    async def _encoded(self, order: _SegmentOrder, tell: Callable[[int, float], None] | None = None) -> Blob:
        part, picture = order.part, order.picture
        output = self._folder / f"segment{order.number}.mp4"

        def on_progress(seconds: float) -> None:
            if tell is not None:
                tell(order.number, min(seconds * float(picture.fps), part.frames))

        async with self._encoders, AsyncExitStack() as opened:
            inputs = [
                Input(await opened.enter_async_context(self._store.local(one.clip.blob)), one.first)
                for one in part.sources
            ]
            text = None
            if order.text:
                text = Text(self._folder / f"segment{order.number}.ass", fonts(), part.start)
                text.script.write_text(order.text, encoding="utf-8")
            args = segment_args(picture, inputs, part.frames, output, text)
            await self._ffmpeg(args, self._settings.segment_timeout_s, on_progress)
        head = await asyncio.to_thread(read_head, str(output))
        check_head(head, part.frames, picture.width, picture.height)
        blob = await keep_blob(self._store, order.key, await self._store.put_file(output, "video/mp4"))
        output.unlink()
        return blob

    async def _opened(self, opened: AsyncExitStack, part: Segment, made: _SegmentBlob) -> tuple[str, int]:
        """A segment's file; one whose bytes are gone or cut short is made again."""
        try:
            path = await opened.enter_async_context(self._store.local(made.blob))
        except InputMissing:
            path = await opened.enter_async_context(self._store.local(await self._encoded(made.order)))
        return str(path), part.frames

    async def _sound(self, board: Storyboard) -> _Sound:
        """How the song becomes sound; AAC of it when it isn't copied."""
        async with self._store.local(self._order.song) as song:
            track = await self._child(read_track, str(song))
        if is_copied(track, lossless=self._order.options.lossless_audio):
            return _Sound(None)
        return _Sound(await self._aac(board))

    async def _aac(self, board: Storyboard) -> Blob:
        length = board.frames / Fraction(board.fps)
        inputs = {"song": self._order.song.sha256, "length": str(length), "tool": self._settings.shared.ffmpeg}
        key = result_key("sound", VERSION, self._owner, inputs)
        blob = await find_blob(self._store, key)
        if blob is not None:
            return blob
        output = self._folder / "sound.m4a"
        async with self._store.local(self._order.song) as song:
            track = await self._child(read_track, str(song))
            async with self._encoders:
                args = encode_args(song, track, length, output)
                await self._ffmpeg(args, self._settings.segment_timeout_s)
        return await keep_blob(self._store, key, await self._store.put_file(output, "audio/mp4"))

    async def _finish(
        self,
        board: Storyboard,
        files: Sequence[tuple[str, int]],
        song: Path,
        sound: _Sound,
        planned: Sequence[Planned],
    ) -> tuple[Path, PictureMeasure, SoundMeasure, bool]:
        """The joined file and what it measures. A copied sound that isn't exact gives way to AAC."""
        output = self._folder / "video.mp4"
        if sound.aac is None:
            await self._join(board, files, song, output)
            heard = await self._child(measure_sound, str(output), str(song))
            shown = board.frames / Fraction(board.fps)
            if not sound_problems(heard, float(shown), float(1 / Fraction(board.fps))):
                return output, await self._measured(board, output, planned), heard, True
        aac = sound.aac or await self._aac(board)
        async with self._store.local(aac) as track:
            await self._join(board, files, track, output)
        measured = await together(
            self._measured(board, output, planned), self._child(measure_sound, str(output), str(song))
        )
        return output, measured[0], measured[1], False

    async def _join(self, board: Storyboard, files: Sequence[tuple[str, int]], track: Path, output: Path) -> None:
        self._context.progress(SOUND, "joining")
        await self._child(join, list(files), Fraction(board.fps), str(track), str(output))
        self._context.progress(JOINED, "measuring")

    async def _measured(self, board: Storyboard, output: Path, planned: Sequence[Planned]) -> PictureMeasure:
        def on_progress(fraction: float, message: str) -> None:
            self._context.progress(JOINED + (0.99 - JOINED) * fraction, message)

        return await self._child(
            measure_picture, str(output), board.fps, list(planned), board.frames, on_progress=on_progress
        )

    async def _deliver(self, board: Storyboard, video: Path, report: Report, poster_frame: int) -> Made:
        poster = self._folder / "poster.jpg"
        await self._ffmpeg(poster_args(video, poster_frame, Fraction(board.fps), poster), _PATIENCE_S)
        video_blob = await self._store.put_file(video, "video/mp4")
        poster_blob = await self._store.put_file(poster, "image/jpeg")
        data = msgspec.json.format(msgspec.json.encode(report), indent=2)
        report_blob = await self._store.put_bytes(data, "application/json")
        fact = VideoComposed(
            video=video_blob, report=report_blob, poster=poster_blob, frames=report.frames, duration=report.duration
        )
        return Made(facts=[fact], usage=Usage(cpu_seconds=self._cpu))

    async def _ffmpeg(
        self, args: Sequence[str], timeout_s: float, on_progress: Callable[[float], None] | None = None
    ) -> ToolRun:
        limits = Limits(address_space=_MEMORY, nice=_NICE)
        ran = await run_ffmpeg(
            args, timeout_s=timeout_s, on_progress=on_progress, binary=self._settings.shared.ffmpeg, limits=limits
        )
        self._spend(ran.cpu_seconds)
        return ran

    async def _child(
        self, work: Callable[..., T], *args: object, on_progress: Callable[[float, str], None] | None = None
    ) -> T:
        timeout_s = self._settings.measure_timeout_s
        done = await self._pool.run(work, *args, timeout_s=timeout_s, on_progress=on_progress)
        self._spend(done.cpu_seconds)
        return done.value

    def _spend(self, cpu_seconds: float) -> None:
        self._cpu += cpu_seconds
        self._context.spend(cpu_seconds)
