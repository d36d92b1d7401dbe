"""Reads a multipart order from the wire into scratch files, within limits, and never into memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from multipart import (  # type: ignore[import-untyped]  # it ships no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from libs.contracts.errors import BeatloomError, Permanent
from libs.media.guards import MAX_IMAGE_BYTES, MAX_LYRICS_BYTES, MAX_SONG_BYTES
from libs.runtime.disk import full_disk_is_retryable
from services.ingest.names import display_name

MB = 1_000_000

LIMITS = MappingProxyType(
    {"song": MAX_SONG_BYTES, "image": MAX_IMAGE_BYTES, "lyrics": MAX_LYRICS_BYTES, "options": 64_000}
)
"""The parts that an order may have, once each, and the most bytes of each."""

TOTAL_LIMIT = sum(LIMITS.values()) + 64_000
"""The most bytes of a whole body: all parts, their headers and boundaries."""

IDLE_SECONDS = 60.0
"""An upload that sends nothing for this long is given up."""

LONGEST_SECONDS = 3600.0
"""So is one that takes longer than this in all, however steadily it trickles."""

WRITE_BYTES = MB
"""Bytes gathered before they are written and hashed, in a thread."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A part that was received."""

    path: Path
    """In scratch, named by us."""
    name: str
    """The sender's file name, cleaned for display."""
    size: int
    sha256: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """All that was sent. `digest` covers the contents of the parts, not their file names."""

    song: Upload
    image: Upload | None
    lyrics: Upload | None
    options: bytes
    digest: str


class _Sink:
    """One part on its way to its file."""

    def __init__(self, path: Path, part: str, name: str) -> None:
        self.part = part
        self._path, self._name = path, name
        self._file = path.open("xb")
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self._size = 0

    async def take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > LIMITS[self.part]:
            raise Permanent("file_too_large", f"The part `{self.part}` is larger than {_human(LIMITS[self.part])}.")
        self._waiting += data
        if len(self._waiting) >= WRITE_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        if len(data) < 64 * 1024:
            self._write(data)
        else:
            await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)

    async def finish(self) -> Upload:
        await self._flush()
        self._file.close()
        return Upload(path=self._path, name=self._name, size=self._size, sha256=self._hash.hexdigest())

    def close(self) -> None:
        self._file.close()


async def receive(
    chunks: AsyncIterator[bytes], *, content_type: str, content_length: int | None, folder: Path
) -> Order:
    """The order in a body. Its files lie in `folder`, which the caller removes.

    Raises Permanent: bad_request (not multipart, cut off, unknown or repeated parts, silence on the wire),
    file_too_large, song_missing, empty_file; Retryable: no_space.
    """
    if content_length is not None and content_length > TOTAL_LIMIT:
        raise Permanent("file_too_large", f"The request is larger than {_human(TOTAL_LIMIT)}.")
    parser = PushMultipartParser(_boundary(content_type), max_segment_count=len(LIMITS) + 1)
    try:
        with full_disk_is_retryable():
            async with asyncio.timeout(LONGEST_SECONDS):
                parts = await _read(parser, chunks, folder)
    except TimeoutError as error:
        raise Permanent("bad_request", "The upload took too long.") from error
    except MultipartError as error:
        raise Permanent("bad_request", f"The multipart body can't be read: {error}.") from error
    if "song" not in parts:
        raise Permanent("song_missing")
    for part in ("song", "image"):
        if part in parts and parts[part].size == 0:
            raise Permanent("empty_file", f"The part `{part}` has no bytes.")
    options = parts["options"].path.read_bytes() if "options" in parts else b""
    return Order(
        song=parts["song"],
        image=parts.get("image"),
        lyrics=parts.get("lyrics"),
        options=options,
        digest=_digest(parts),
    )


def _boundary(content_type: str) -> str:
    kind, options = parse_options_header(content_type)
    boundary: str = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary or len(boundary) > 200 or not boundary.isascii():
        raise Permanent("bad_request", "Send the order as multipart/form-data with a boundary.")
    return boundary


async def _read(parser: Any, chunks: AsyncIterator[bytes], folder: Path) -> dict[str, Upload]:
    parts: dict[str, Upload] = {}
    sink: _Sink | None = None
    received = 0
    try:
        async with aclosing(_with_idle_limit(chunks)) as timely:
            async for chunk in timely:
                received += len(chunk)
                if received > TOTAL_LIMIT:
                    raise Permanent("file_too_large", f"The request is larger than {_human(TOTAL_LIMIT)}.")
                for event in parser.parse(chunk):
                    if isinstance(event, MultipartSegment):
                        name = _part_name(event, parts)
                        sink = _Sink(folder / name, name, display_name(event.filename or "", default=name))
                    elif sink is None:
                        continue
                    elif event is None:
                        parts[sink.part], sink = await sink.finish(), None
                    else:
                        await sink.take(event)
        parser.close()
    finally:
        if sink is not None:
            sink.close()
    return parts


def _part_name(segment: Any, seen: dict[str, Upload]) -> str:
    name = str(segment.name)
    if name not in LIMITS:
        known = ", ".join(LIMITS)
        raise Permanent("bad_request", f"A part is named {display_name(name, 'nothing')!r}; known are {known}.")
    if name in seen:
        raise Permanent("bad_request", f"The part `{name}` was sent twice.")
    return name


async def _with_idle_limit(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    iterator = aiter(chunks)
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                chunk = await anext(iterator)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Permanent("bad_request", f"No data came for {IDLE_SECONDS:.0f} s.") from None
        if chunk:
            yield chunk


def _digest(parts: dict[str, Upload]) -> str:
    contents = [(name, parts[name].sha256) for name in LIMITS if name in parts]
    return hashlib.sha256(msgspec.json.encode(contents)).hexdigest()


def _human(size: int) -> str:
    return f"{size / MB:.0f} MB" if size >= MB else f"{size / 1000:.0f} KB"


async def drain(chunks: AsyncIterator[bytes], *, seconds: float) -> None:
    """Read on and throw away, for a while: a client that still sends would miss the answer to a refused order."""
    with suppress(TimeoutError, BeatloomError):
        async with asyncio.timeout(seconds):
            async for _ in chunks:
                await asyncio.sleep(0)  # a fast sender must not keep the loop, nor outrun the timeout
