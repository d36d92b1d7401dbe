"""One video from its clips: segments, sound, join, measure, poster. Effects in order, each step reusable.

Nothing but files in the scratch folder is left half done.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from fractions import Fraction
from functools import partial
from pathlib import Path

import msgspec

from libs.artifacts.results import Made
from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent
from libs.contracts.facts import SceneImage, Usage, VideoComposed
from libs.contracts.jobs import State
from libs.contracts.storyboard import Storyboard
from libs.contracts.tasks import Compose, StageUsage
from libs.runtime.together import together
from services.composer.changes import Planned
from services.composer.contact import contact_sheet, wanted_shots
from services.composer.cutter import open_cutter
from services.composer.documents import Documents, read_documents
from services.composer.hearing import SoundMeasure, measure_sound
from services.composer.images import scene_images
from services.composer.join import join
from services.composer.judge import make_report, sound_problems, with_telling
from services.composer.manifest import manifest
from services.composer.measure import PictureMeasure, spans, watch_span, whole
from services.composer.parts import Head, Part
from services.composer.poster import poster_args
from services.composer.sheet import draw_sheet
from services.composer.sheet_content import Sheet
from services.composer.shown import Spoken
from services.composer.soundtrack import Soundtrack, aac, soundtrack
from services.composer.suite import Suite
from services.composer.telling import telling
from services.composer.timeline import joins

VERSION = "6"
"""Raised whenever what this module makes of the same inputs changes."""

SEGMENTS, SOUND, JOINED = 0.30, 0.32, 0.40
"""How far the whole is after each step."""

COMPOSING = State.COMPOSING.value
_PATIENCE_S = 30.0


class _Joined(msgspec.Struct, frozen=True):
    """What is joined."""

    parts: list[Part]
    head: Head
    song: Path
    sound: Soundtrack


class _Finished(msgspec.Struct, frozen=True):
    """A finished file, and what it measures."""

    path: Path
    picture: PictureMeasure
    sound: SoundMeasure
    copied: bool
    """True when its sound is the song's own packets."""


class Composition:
    """The work on one task."""

    def __init__(self, order: Compose, suite: Suite) -> None:
        self._order = order
        self._suite = suite
        self._tools = suite.tools

    async def make(self) -> Made:
        """The video, its report, its poster and its contact sheet in the store.

        Raises `Permanent("output_check_failed")` when the finished file isn't what was planned.
        """
        began = time.monotonic()
        order, suite = self._order, self._suite
        documents = await read_documents(suite, order)
        cutter, board, analysis = (
            await open_cutter(suite, documents, order.options),
            documents.board,
            documents.analysis,
        )
        pieces, sound = await together(
            cutter.pieces(order.clips, tell=lambda share: self._tell(SEGMENTS * share, "encoding")),
            soundtrack(suite, order),
        )
        async with AsyncExitStack() as stack:
            parts = [await cutter.opened(stack, piece) for piece in pieces]
            song = await stack.enter_async_context(suite.store.local(order.song))
            video = await self._finish(board, _Joined(parts, cutter.head, song, sound))
        report = make_report(
            board,
            analysis,
            joins(board),
            video.picture,
            video.sound,
            size=video.path.stat().st_size,
            copied=video.copied,
            preview=order.options.preview,
        )
        if documents.narration is not None and sound.levels is not None:
            lit = cutter.shown.captions if isinstance(cutter.shown, Spoken) else ()
            report = with_telling(report, telling(documents.narration, report.cuts, lit, sound.levels))
        if report.problems:
            raise Permanent("output_check_failed", " ".join(report.problems))
        content = contact_sheet(
            board, analysis, report, video.picture, title=order.options.title, usage=order.usage
        )
        video_blob, poster, sheet, images = await together(
            suite.store.put_file(video.path, "video/mp4"),
            self._poster(board, video.path, video.picture.poster_frame),
            self._sheet(content),
            scene_images(suite, order, documents),
        )
        stages = self._stages(time.monotonic() - began)
        data = msgspec.json.encode(msgspec.structs.replace(report, stages=stages))
        fact = VideoComposed(
            video=video_blob,
            report=await suite.store.put_bytes(msgspec.json.format(data, indent=2), "application/json"),
            poster=poster,
            frames=report.frames,
            duration=report.duration,
            sheet=sheet,
            manifest=await self._manifest(documents, video_blob, images),
            images=images,
        )
        return Made(facts=[fact], usage=Usage(cpu_seconds=self._tools.cpu_seconds))

    def _tell(self, fraction: float, message: str) -> None:
        self._suite.context.progress(fraction, message)

    def _stages(self, wall_seconds: float) -> tuple[StageUsage, ...]:
        """What each stage has cost; composing with what was done ahead of it."""
        before = [one for one in self._order.usage if one.stage != COMPOSING]
        ahead = [one for one in self._order.usage if one.stage == COMPOSING]
        own = StageUsage(
            stage=COMPOSING,
            wall_seconds=wall_seconds + sum(one.wall_seconds for one in ahead),
            cpu_seconds=self._tools.cpu_seconds + sum(one.cpu_seconds for one in ahead),
        )
        return (*before, own)

    async def _finish(self, board: Storyboard, joined: _Joined) -> _Finished:
        """The joined file and what it measures. A copied sound that isn't exact gives way to AAC."""
        order, suite = self._order, self._suite
        if joined.sound.aac is None:
            copied = await self._joined(board, joined, joined.song)
            frame = float(1 / Fraction(board.fps))
            if not sound_problems(copied.sound, board.frames * frame, frame):
                return copied
        made = joined.sound.aac or await aac(suite, order.song, joined.sound.track, order.options)
        async with suite.store.local(made) as track:
            return await self._joined(board, joined, track)

    async def _joined(self, board: Storyboard, joined: _Joined, track: Path) -> _Finished:
        output = self._suite.folder / "video.mp4"
        self._tell(SOUND, "joining")
        await self._tools.child(join, joined.parts, Fraction(board.fps), joined.head, str(track), str(output))
        self._tell(JOINED, "measuring")
        picture, heard = await together(
            self._measured(board, output), self._tools.child(measure_sound, str(output), str(joined.song))
        )
        return _Finished(output, picture, heard, track == joined.song)

    async def _measured(self, board: Storyboard, output: Path) -> PictureMeasure:
        planned = [Planned(one.frame, one.frames) for one in joins(board)]
        wanted, parts = wanted_shots(board), spans(planned, board.frames)
        done = [0.0] * len(parts)

        def tell(number: int, fraction: float, message: str) -> None:
            done[number] = fraction
            self._tell(JOINED + (0.99 - JOINED) * sum(done) / len(done), message)

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

    async def _poster(self, board: Storyboard, video: Path, frame: int) -> Blob:
        poster = self._suite.folder / "poster.jpg"
        await self._tools.ffmpeg(poster_args(video, frame, Fraction(board.fps), poster), _PATIENCE_S)
        return await self._suite.store.put_file(poster, "image/jpeg")

    async def _sheet(self, content: Sheet) -> Blob:
        return await self._suite.store.put_bytes(await self._tools.child(draw_sheet, content), "image/jpeg")

    async def _manifest(self, documents: Documents, video: Blob, images: Sequence[SceneImage]) -> Blob | None:
        """That of a narrated video."""
        if documents.narration is None:
            return None
        told = manifest(self._order, documents.board, documents.narration, video, images)
        data = msgspec.json.format(msgspec.json.encode(told), indent=2)
        return await self._suite.store.put_bytes(data, "application/json")
