"""Where the frames of each segment lie: in its clip as they are, or in a file of their own that is encoded here.

The middle of a clip that was encoded as the video wants it is copied; crossfades, captions and clips of other
encoders are encoded. What was encoded is a result of its own, so that a crash costs one segment.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from libs.artifacts.results import find_blob, keep_blob
from libs.artifacts.store import ArtifactStore
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.errors import InputMissing, Permanent
from libs.media.encoding import Encoding
from services.composer.encode import Input, Text, head_args, segment_args
from services.composer.parts import Head, Part, misfit, read_head
from services.composer.settings import ComposerSettings
from services.composer.timeline import Segment
from services.composer.tools import Tools

VERSION = "3"
"""Raised whenever the same order gives other bytes."""

log = logging.getLogger(__name__)


class Cut(msgspec.Struct, frozen=True):
    """A segment to make: the `number`th of the video."""

    number: int
    segment: Segment
    script: str
    """Its captions as an ASS script; empty without."""


class Piece(msgspec.Struct, frozen=True):
    """Where a segment lies: from frame `first` of the blob on."""

    cut: Cut
    blob: Blob
    first: int
    copied: bool
    """True when the blob is the clip itself."""


class Cutter:
    """Makes the pieces of one video. `encoders` bounds the ffmpeg processes of all videos together."""

    def __init__(
        self,
        encoding: Encoding,
        owner: str,
        *,
        store: ArtifactStore,
        tools: Tools,
        settings: ComposerSettings,
        encoders: asyncio.Semaphore,
        folder: Path,
        fonts: Path,
    ) -> None:
        self._encoding = encoding
        self._owner = owner
        self._store = store
        self._tools = tools
        self._settings = settings
        self._encoders = encoders
        self._folder = folder
        self._fonts = fonts

    async def head(self) -> Head:
        """What all parts of the video have in common."""
        output = self._folder / "head.mp4"
        await self._tools.ffmpeg(head_args(self._encoding, output), self._settings.segment_timeout_s)
        return await asyncio.to_thread(read_head, str(output))

    async def piece(self, cut: Cut, head: Head, tell: Callable[[float], None]) -> Piece:
        """The segment's piece, found or made. tell: called with the frames that are done."""
        piece = await self._copied(cut, head)
        if piece is None:
            blob = await find_blob(self._store, self._key(cut)) or await self._encoded(cut, head, tell)
            piece = Piece(cut, blob, 0, False)
        tell(cut.segment.frames)
        return piece

    async def opened(self, stack: AsyncExitStack, piece: Piece, head: Head) -> Part:
        """The piece as a local file. One that was encoded, and is gone or cut short, is made again.

        Raises InputMissing for a clip that is gone.
        """
        try:
            path = await stack.enter_async_context(self._store.local(piece.blob))
        except InputMissing:
            if piece.copied:
                raise
            path = await stack.enter_async_context(self._store.local(await self._encoded(piece.cut, head)))
        return Part(str(path), piece.first, piece.cut.segment.frames)

    def _key(self, cut: Cut) -> str:
        encoding, segment = self._encoding, cut.segment
        script = hashlib.sha256(cut.script.encode()).hexdigest()
        inputs = {
            "sources": [[one.clip.blob.sha256, one.first] for one in segment.sources],
            "frames": segment.frames,
            "picture": [encoding.width, encoding.height, str(encoding.fps), *encoding.quality],
            "text": [script, segment.start] if cut.script else None,
            "tool": self._settings.shared.ffmpeg,
        }
        return result_key("segment", VERSION, self._owner, inputs)

    async def _copied(self, cut: Cut, head: Head) -> Piece | None:
        """The segment as it lies in its clip; None when it has to be encoded."""
        if cut.script or len(cut.segment.sources) > 1:
            return None
        (source,) = cut.segment.sources
        async with self._store.local(source.clip.blob) as path:
            part = Part(str(path), source.first, cut.segment.frames)
            reason = await asyncio.to_thread(misfit, part, self._encoding.fps, head)
        if reason:
            log.info("the clip of %s is encoded again: %s", source.clip.scene_id, reason)
            return None
        return Piece(cut, source.clip.blob, source.first, True)

    async def _encoded(self, cut: Cut, head: Head, tell: Callable[[float], None] | None = None) -> Blob:
        segment, encoding = cut.segment, self._encoding
        output = self._folder / f"segment{cut.number}.mp4"

        def on_progress(seconds: float) -> None:
            if tell is not None:
                tell(min(seconds * float(encoding.fps), segment.frames))

        async with self._encoders, AsyncExitStack() as stack:
            inputs = [
                Input(await stack.enter_async_context(self._store.local(one.clip.blob)), one.first)
                for one in segment.sources
            ]
            text = None
            if cut.script:
                text = Text(self._folder / f"segment{cut.number}.ass", self._fonts, segment.start)
                text.script.write_text(cut.script, encoding="utf-8")
            args = segment_args(encoding, inputs, segment.frames, output, text)
            await self._tools.ffmpeg(args, self._settings.segment_timeout_s, on_progress)
        reason = await asyncio.to_thread(misfit, Part(str(output), 0, segment.frames), encoding.fps, head)
        if reason:
            raise Permanent("output_check_failed", f"A segment doesn't fit. {reason}")
        blob = await keep_blob(self._store, self._key(cut), await self._store.put_file(output, "video/mp4"))
        output.unlink()
        return blob
