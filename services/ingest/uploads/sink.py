"""One file on its way in: written and hashed piece by piece in threads, within a limit."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from libs.contracts.errors import Permanent

MB = 1_000_000

WRITE_BYTES = MB
"""Bytes gathered before they are written and hashed, in a thread."""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came in whole."""

    path: Path
    """In scratch, named by us."""
    name: str
    """The sender's file name, cleaned for display."""
    size: int
    sha256: str


class Sink:
    """A new file at `path`. what: its name in the error of one that is too large ("The part `song`")."""

    def __init__(self, path: Path, *, limit: int, what: str) -> None:
        self._path, self._limit, self._what = path, limit, what
        self._file = path.open("xb")
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self._size = 0

    async def take(self, data: bytes) -> None:
        """The next piece. Raises Permanent("file_too_large")."""
        self._size += len(data)
        if self._size > self._limit:
            raise Permanent("file_too_large", f"{self._what} is larger than {human(self._limit)}.")
        self._waiting += data
        if len(self._waiting) >= WRITE_BYTES:
            await self._flush()

    async def finish(self, name: str) -> Received:
        """The whole, under a display name."""
        await self._flush()
        self._file.close()
        return Received(path=self._path, name=name, size=self._size, sha256=self._hash.hexdigest())

    def close(self) -> None:
        """Give it up, or do nothing when it is finished."""
        self._file.close()

    async def _flush(self) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        if len(data) < 64 * 1024:
            self._write(data)
        else:
            await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)


async def received(chunks: AsyncIterator[bytes], sink: Sink, name: str) -> Received:
    """All of a stream in one file. Raises what the stream and the sink raise."""
    try:
        async for chunk in chunks:
            await sink.take(chunk)
        return await sink.finish(name)
    finally:
        sink.close()


def human(size: int) -> str:
    """Bytes for people."""
    return f"{size / MB:.0f} MB" if size >= MB else f"{size / 1000:.0f} KB"
