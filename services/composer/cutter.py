"""Where the frames of each segment lie: in its clip as they are, or in a file of their own that is encoded here.

The middle of a clip that was encoded as the video wants it is copied; crossfades, captions and clips of other
encoders are encoded. What was encoded is a result of its own, so that a crash costs one segment.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec

from libs.artifacts.results import find_blob, keep_blob
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.errors import InputMissing, Permanent
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Clip, Storyboard
from libs.media.encoding import Encoding
from libs.runtime.together import together
from services.composer.caption_fonts import font_folder
from services.composer.documents import Documents
from services.composer.encode import Input, Text, head_args, segment_args
from services.composer.parts import Head, Part, misfit, read_head
from services.composer.shown import Script, Shown, spoken, sung
from services.composer.suite import Suite
from services.composer.timeline import Segment, segments

VERSION = "4"
"""Raised whenever the same order gives other bytes."""

log = logging.getLogger(__name__)


class Cut(msgspec.Struct, frozen=True):
    """A segment to make: the `number`th of the video."""

    number: int
    segment: Segment
    script: Script
    """Its captions."""


class Piece(msgspec.Struct, frozen=True):
    """Where a segment lies: from frame `first` of the blob on."""

    cut: Cut
    blob: Blob
    first: int
    copied: bool
    """True when the blob is the clip itself."""


class Cutter:
    """Makes the pieces of one video. `open_cutter` makes one."""

    def __init__(
        self, suite: Suite, board: Storyboard, encoding: Encoding, head: Head, shown: Shown | None
    ) -> None:
        self._board = board
        self.head = head
        self._suite = suite
        self._encoding = encoding
        self.shown = shown
        """The captions; None: there are none."""

    async def pieces(
        self, clips: Sequence[Clip], *, scene_id: str = "", tell: Callable[[float], None] = lambda _: None
    ) -> list[Piece]:
        """The pieces of all segments, or of those of one scene, found or made, several in work at once.

        tell: called with the share that is done, 0..1.
        """
        found = segments(self._board, clips, scene_id)
        frames = max(sum(one.frames for one in found), 1)
        done: dict[int, float] = {}

        def tell_one(number: int, frames_done: float) -> None:
            done[number] = frames_done
            tell(sum(done.values()) / frames)

        cuts = [Cut(number, segment, self._script(segment)) for number, segment in enumerate(found)]
        return await together(*(self._piece(cut, partial(tell_one, cut.number)) for cut in cuts))

    def _script(self, segment: Segment) -> Script:
        return Script() if self.shown is None else self.shown.script(segment)

    async def _piece(self, cut: Cut, tell: Callable[[float], None]) -> Piece:
        piece = await self._copied(cut)
        if piece is None:
            key = self._key(cut)
            async with self._suite.studio.alone(key):
                blob = await find_blob(self._suite.store, key) or await self._encoded(cut, tell)
            piece = Piece(cut, blob, 0, False)
        tell(cut.segment.frames)
        return piece

    async def opened(self, stack: AsyncExitStack, piece: Piece) -> Part:
        """The piece as a local file. One that was encoded, and is gone or cut short, is made again.

        Raises InputMissing for a clip that is gone.
        """
        try:
            path = await stack.enter_async_context(self._suite.store.local(piece.blob))
        except InputMissing:
            if piece.copied:
                raise
            path = await stack.enter_async_context(self._suite.store.local(await self._encoded(piece.cut)))
        return Part(str(path), piece.first, piece.cut.segment.frames)

    def _key(self, cut: Cut) -> str:
        encoding, segment = self._encoding, cut.segment
        script = hashlib.sha256(cut.script.text.encode()).hexdigest()
        inputs = {
            "sources": [[one.clip.blob.sha256, one.first] for one in segment.sources],
            "frames": segment.frames,
            "picture": [encoding.width, encoding.height, str(encoding.fps), *encoding.quality],
            "text": [script, cut.script.start] if cut.script.text else None,
            "tool": self._suite.settings.shared.ffmpeg,
        }
        return result_key("segment", VERSION, self._suite.owner, inputs)

    async def _copied(self, cut: Cut) -> Piece | None:
        """The segment as it lies in its clip; None when it has to be encoded."""
        if cut.script.text or len(cut.segment.sources) > 1:
            return None
        (source,) = cut.segment.sources
        async with self._suite.store.local(source.clip.blob) as path:
            part = Part(str(path), source.first, cut.segment.frames)
            reason = await asyncio.to_thread(misfit, part, self._encoding.fps, self.head)
        if reason:
            log.info("the clip of %s is encoded again: %s", source.clip.scene_id, reason)
            return None
        return Piece(cut, source.clip.blob, source.first, True)

    async def _encoded(self, cut: Cut, tell: Callable[[float], None] = lambda _: None) -> Blob:
        segment, encoding, suite = cut.segment, self._encoding, self._suite
        output = suite.folder / f"segment{cut.number}.mp4"

        def on_progress(seconds: float) -> None:
            tell(min(seconds * float(encoding.fps), segment.frames))

        async with suite.studio.encoders, AsyncExitStack() as stack:
            inputs = [
                Input(await stack.enter_async_context(suite.store.local(one.clip.blob)), one.first)
                for one in segment.sources
            ]
            text = None
            if cut.script.text:
                text = await asyncio.to_thread(_written, suite.folder / f"segment{cut.number}", cut.script)
            args = segment_args(encoding, inputs, segment.frames, output, text)
            await suite.tools.ffmpeg(args, suite.settings.segment_timeout_s, on_progress)
        reason = await asyncio.to_thread(misfit, Part(str(output), 0, segment.frames), encoding.fps, self.head)
        if reason:
            raise Permanent("output_check_failed", f"A segment doesn't fit. {reason}")
        blob = await keep_blob(suite.store, self._key(cut), await suite.store.put_file(output, "video/mp4"))
        output.unlink()
        return blob


def _written(folder: Path, script: Script) -> Text:
    """The script and its fonts as files in this folder."""
    folder.mkdir(exist_ok=True)
    text = Text(folder / "captions.ass", font_folder(folder, script.letters), script.start)
    text.script.write_text(script.text, encoding="utf-8")
    return text


async def open_cutter(suite: Suite, documents: Documents, options: JobOptions) -> Cutter:
    """A cutter for the video of these documents."""
    board, encoding = documents.board, documents.encoding
    shown: Shown | None = None
    if options.captions and documents.narration is not None:
        shown = await spoken(board, documents.analysis, documents.narration)
    elif options.captions:
        shown = await sung(board, documents.analysis)
    return Cutter(suite, board, encoding, await _head(suite, encoding), shown)


async def _head(suite: Suite, encoding: Encoding) -> Head:
    """What all parts of a video have in common. Found out once for each encoding."""
    heads = suite.studio.heads
    async with suite.studio.alone(f"head of {encoding}"):
        if encoding not in heads:
            output = suite.folder / "head.mp4"
            await suite.tools.ffmpeg(head_args(encoding, output), suite.settings.segment_timeout_s)
            heads[encoding] = await asyncio.to_thread(read_head, str(output))
        return heads[encoding]
