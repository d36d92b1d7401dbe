"""The edit suite: what the composer's work on one task has to hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

import msgspec

from libs.artifacts.store import ArtifactStore
from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import InputMissing
from libs.contracts.storyboard import Storyboard
from libs.media.encoding import Encoding, Quality, preview_of
from services.composer.parts import Head
from services.composer.settings import ComposerSettings
from services.composer.tools import Tools

T = TypeVar("T")


class Studio:
    """What all tasks of this process share."""

    def __init__(self, encoders: int) -> None:
        """encoders: ffmpeg processes that encode at once, over all tasks."""
        self.encoders = asyncio.Semaphore(encoders)
        self.heads: dict[Encoding, Head] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def alone(self, key: str) -> AsyncIterator[None]:
        """Only one is within the block for a key: what two tasks want, one makes and the other then finds."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            yield


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """For one task."""

    owner: str
    store: ArtifactStore
    settings: ComposerSettings
    tools: Tools
    studio: Studio
    context: TaskContext
    folder: Path
    """For files in work; gone when the task ends."""

    async def document(self, blob: Blob, kind: type[T]) -> T:
        """A JSON document from the store. Raises InputMissing."""
        data = await self.store.get_bytes(blob.key)
        if data is None:
            raise InputMissing(blob.sha256)
        return msgspec.json.decode(data, type=kind)

    def encoding(self, board: Storyboard, *, preview: bool) -> Encoding:
        """How the video of this plan is encoded."""
        fps, shared = Fraction(board.fps), self.settings.shared
        if preview:
            return preview_of(board.width, board.height, fps)
        return Encoding(board.width, board.height, fps, Quality(shared.preset, shared.crf))
