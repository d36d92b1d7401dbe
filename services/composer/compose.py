"""One video from its clips: segments, sound, join, measure, poster. Effects in order, each step reusable.

Nothing but files in the scratch folder is left half done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from fractions import Fraction
from functools import partial
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
from libs.media.encoding import Encoding, Quality, preview_of
from libs.runtime.workers import WorkerPool
from services.composer.caption_fonts import font_folder
from services.composer.captions import Caption, beside, captions, face_of, layout, script, within
from services.composer.changes import Planned
from services.composer.contact import contact_sheet, wanted_shots
from services.composer.cutter import Cut, Cutter, Piece
from services.composer.hearing import SoundMeasure, measure_sound
from services.composer.join import join
from services.composer.judge import make_report, sound_problems
from services.composer.measure import PictureMeasure, spans, watch_span, whole
from services.composer.parts import Head, Part
from services.composer.poster import poster_args
from services.composer.settings import ComposerSettings
from services.composer.sheet import draw_sheet
from services.composer.song import encode_args, is_copied, read_track
from services.composer.timeline import Segment, joins, segments
from services.composer.together import together
from services.composer.tools import Tools

VERSION = "4"
"""Raised whenever what this module makes of the same inputs changes."""

SEGMENTS, SOUND, JOINED = 0.30, 0.32, 0.40
"""How far the whole is after each step."""

_PATIENCE_S = 30.0

T = TypeVar("T")


class _Sound(msgspec.Struct, frozen=True):
    aac: Blob | None
    """None: the song's own packets are copied."""


class _Joined(msgspec.Struct, frozen=True):
    """What is joined."""

    parts: list[Part]
    head: Head
    song: Path
    sound: _Sound


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
        self._settings = settings
        self._encoders = encoders
        self._context = context
        self._folder = folder
        self._tools = Tools(pool, settings, context)

    async def make(self) -> Made:
        """The video, its report, its poster and its contact sheet in the store.

        Raises `Permanent("output_check_failed")` when the finished file isn't what was planned.
        """
        began = time.monotonic()
        planned_board = await self._document(self._order.storyboard, Storyboard)
        encoding = self._encoding(planned_board)
        board = msgspec.structs.replace(planned_board, width=encoding.width, height=encoding.height)
        analysis = await self._document(self._order.analysis, Analysis)
        shown = await self._shown(board, analysis)
        cutter = self._cutter(encoding, font_folder(self._folder, map(face_of, shown)))
        head = await cutter.head()
        pieces, sound = await together(self._pieces(board, shown, cutter, head), self._sound(board))
        planned = [Planned(one.frame, one.frames) for one in joins(board)]
        async with AsyncExitStack() as stack:
            parts = [await cutter.opened(stack, piece, head) for piece in pieces]
            song = await stack.enter_async_context(self._store.local(self._order.song))
            joined = _Joined(parts, head, song, sound)
            video, picture, heard, copied = await self._finish(board, joined, planned)
        usage = StageUsage(
            stage="composing", wall_seconds=time.monotonic() - began, cpu_seconds=self._tools.cpu_seconds
        )
        report = make_report(
            board,
            analysis,
            joins(board),
            picture,
            heard,
            size=video.stat().st_size,
            copied=copied,
            stages=(*self._order.usage, usage),
            preview=self._order.options.preview,
        )
        if report.problems:
            raise Permanent("output_check_failed", " ".join(report.problems))
        sheet = await self._tools.child(
            draw_sheet, contact_sheet(board, analysis, report, picture, self._order.options.title)
        )
        return await self._deliver(board, video, report, picture.poster_frame, sheet)

    async def _document(self, blob: Blob, kind: type[T]) -> T:
        data = await self._store.get_bytes(blob.key)
        if data is None:
            raise InputMissing(blob.sha256)
        return msgspec.json.decode(data, type=kind)

    async def _shown(self, board: Storyboard, analysis: Analysis) -> list[Caption]:
        """The captions of the whole video."""
        if not self._order.options.captions or not analysis.words:
            return []
        columns = layout(board.width, board.height).columns
        shown = await asyncio.to_thread(captions, analysis.words, columns)
        return beside(shown, board.scenes, Fraction(board.fps))

    def _encoding(self, board: Storyboard) -> Encoding:
        shared, fps = self._settings.shared, Fraction(board.fps)
        if self._order.options.preview:
            return preview_of(board.width, board.height, fps)
        return Encoding(board.width, board.height, fps, Quality(shared.preset, shared.crf))

    def _cutter(self, encoding: Encoding, fonts: Path) -> Cutter:
        return Cutter(
            encoding,
            self._owner,
            store=self._store,
            tools=self._tools,
            settings=self._settings,
            encoders=self._encoders,
            folder=self._folder,
            fonts=fonts,
        )

    async def _pieces(self, board: Storyboard, shown: Sequence[Caption], cutter: Cutter, head: Head) -> list[Piece]:
        """Every segment's piece, several in work at once."""
        done: dict[int, float] = {}

        def tell(number: int, frames: float) -> None:
            done[number] = frames
            share = sum(done.values()) / max(board.frames, 1)
            self._context.progress(SEGMENTS * share, "encoding")

        cuts = [
            Cut(number, segment, _script(board, shown, segment))
            for number, segment in enumerate(segments(board, self._order.clips))
        ]
        return await together(*(cutter.piece(cut, head, partial(tell, cut.number)) for cut in cuts))

    async def _sound(self, board: Storyboard) -> _Sound:
        """How the song becomes sound; AAC of it when it isn't copied."""
        async with self._store.local(self._order.song) as song:
            track = await self._tools.child(read_track, str(song))
        if is_copied(track, lossless=self._order.options.lossless_audio):
            return _Sound(None)
        return _Sound(await self._aac(board))

    async def _aac(self, board: Storyboard) -> Blob:
        length = board.frames / Fraction(board.fps)
        quick = self._order.options.preview
        inputs = {
            "song": self._order.song.sha256,
            "length": str(length),
            "quick": quick,
            "tool": self._settings.shared.ffmpeg,
        }
        key = result_key("sound", VERSION, self._owner, inputs)
        blob = await find_blob(self._store, key)
        if blob is not None:
            return blob
        output = self._folder / "sound.m4a"
        async with self._store.local(self._order.song) as song:
            track = await self._tools.child(read_track, str(song))
            async with self._encoders:
                args = encode_args(song, track, length, output, quick=quick)
                await self._tools.ffmpeg(args, self._settings.segment_timeout_s)
        return await keep_blob(self._store, key, await self._store.put_file(output, "audio/mp4"))

    async def _finish(
        self, board: Storyboard, joined: _Joined, planned: Sequence[Planned]
    ) -> tuple[Path, PictureMeasure, SoundMeasure, bool]:
        """The joined file and what it measures. A copied sound that isn't exact gives way to AAC."""
        output = self._folder / "video.mp4"
        song = str(joined.song)
        if joined.sound.aac is None:
            await self._join(board, joined, joined.song, output)
            heard = await self._tools.child(measure_sound, str(output), song)
            shown = board.frames / Fraction(board.fps)
            if not sound_problems(heard, float(shown), float(1 / Fraction(board.fps))):
                return output, await self._measured(board, output, planned), heard, True
        aac = joined.sound.aac or await self._aac(board)
        async with self._store.local(aac) as track:
            await self._join(board, joined, track, output)
        measured = await together(
            self._measured(board, output, planned), self._tools.child(measure_sound, str(output), song)
        )
        return output, measured[0], measured[1], False

    async def _join(self, board: Storyboard, joined: _Joined, track: Path, output: Path) -> None:
        self._context.progress(SOUND, "joining")
        await self._tools.child(join, joined.parts, Fraction(board.fps), joined.head, str(track), str(output))
        self._context.progress(JOINED, "measuring")

    async def _measured(self, board: Storyboard, output: Path, planned: Sequence[Planned]) -> PictureMeasure:
        wanted, parts = wanted_shots(board), spans(planned, board.frames)
        done = [0.0] * len(parts)

        def tell(number: int, fraction: float, message: str) -> None:
            done[number] = fraction
            self._context.progress(JOINED + (0.99 - JOINED) * sum(done) / len(done), message)

        measured = await together(
            *(
                self._tools.child(
                    watch_span,
                    str(output),
                    board.fps,
                    span,
                    board.frames,
                    wanted,
                    on_progress=partial(tell, number),
                )
                for number, span in enumerate(parts)
            )
        )
        return whole(board.fps, measured, wanted)

    async def _deliver(
        self, board: Storyboard, video: Path, report: Report, poster_frame: int, sheet: bytes
    ) -> Made:
        poster = self._folder / "poster.jpg"
        await self._tools.ffmpeg(poster_args(video, poster_frame, Fraction(board.fps), poster), _PATIENCE_S)
        video_blob = await self._store.put_file(video, "video/mp4")
        poster_blob = await self._store.put_file(poster, "image/jpeg")
        data = msgspec.json.format(msgspec.json.encode(report), indent=2)
        report_blob = await self._store.put_bytes(data, "application/json")
        fact = VideoComposed(
            video=video_blob,
            report=report_blob,
            poster=poster_blob,
            frames=report.frames,
            duration=report.duration,
            sheet=await self._store.put_bytes(sheet, "image/jpeg"),
        )
        return Made(facts=[fact], usage=Usage(cpu_seconds=self._tools.cpu_seconds))


def _script(board: Storyboard, shown: Sequence[Caption], segment: Segment) -> str:
    seen = within(shown, segment.start, segment.end, Fraction(board.fps))
    return script(seen, board.width, board.height) if seen else ""
