"""Reads a multipart form from the wire into scratch files, within limits, and never into memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from multipart import (  # type: ignore[import-untyped]  # it ships no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from libs.contracts.errors import BeatloomError, Permanent
from libs.runtime.disk import full_disk_is_retryable
from services.ingest.names import display_name
from services.ingest.uploads.sink import Received, Sink, human, received

FORM_BYTES = 64_000
"""What a form may have besides its parts: their headers and boundaries."""

IDLE_SECONDS = 60.0
"""An upload that sends nothing for this long is given up."""

LONGEST_SECONDS = 3600.0
"""So is one that takes longer than this in all, however steadily it trickles."""


async def receive(
    chunks: AsyncIterator[bytes],
    limits: Mapping[str, int],
    *,
    content_type: str,
    content_length: int | None,
    folder: Path,
) -> dict[str, Received]:
    """The parts in a body, by name. Their files lie in `folder`, which the caller removes.

    limits: the parts that there may be, once each, and the most bytes of each.
    Raises Permanent: bad_request (not multipart, cut off, unknown or repeated parts, silence on the wire) or
    file_too_large; Retryable: no_space.
    """
    total = sum(limits.values()) + FORM_BYTES
    if content_length is not None and content_length > total:
        raise Permanent("file_too_large", f"The request is larger than {human(total)}.")
    parser = PushMultipartParser(_boundary(content_type), max_segment_count=len(limits) + 1)
    try:
        return await _read(parser, timely(chunks, total), limits, folder)
    except MultipartError as error:
        raise Permanent("bad_request", f"The multipart body can't be read: {error}.") from error


async def receive_file(chunks: AsyncIterator[bytes], *, size: int, name: str, path: Path) -> Received:
    """A body that is one file of `size` bytes.

    Raises Permanent: bad_request (silence on the wire), file_too_large, upload_mismatch; Retryable: no_space.
    """
    with full_disk_is_retryable():
        async with aclosing(timely(chunks, size)) as body:
            found = await received(body, Sink(path, limit=size, what="The body"), name)
    if found.size != size:
        raise Permanent("upload_mismatch", f"{found.size} bytes came instead of {size}.")
    return found


async def receive_document(chunks: AsyncIterator[bytes], *, limit: int) -> bytes:
    """A small body, whole. Raises Permanent: bad_request (silence on the wire) or file_too_large."""
    async with aclosing(timely(chunks, limit)) as body:
        return b"".join([chunk async for chunk in body])


def _boundary(content_type: str) -> str:
    kind, options = parse_options_header(content_type)
    boundary: str = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary or len(boundary) > 200 or not boundary.isascii():
        raise Permanent("bad_request", "Send the order as multipart/form-data with a boundary.")
    return boundary


async def _read(
    parser: Any, chunks: AsyncGenerator[bytes, None], limits: Mapping[str, int], folder: Path
) -> dict[str, Received]:
    parts: dict[str, Received] = {}
    part, name = "", ""
    sink: Sink | None = None
    try:
        with full_disk_is_retryable():
            async with aclosing(chunks):
                async for chunk in chunks:
                    for event in parser.parse(chunk):
                        if isinstance(event, MultipartSegment):
                            part = _part_name(event, limits, parts)
                            name = display_name(event.filename or "", default=part)
                            sink = Sink(folder / part, limit=limits[part], what=f"The part `{part}`")
                        elif sink is None:
                            continue
                        elif event is None:
                            parts[part], sink = await sink.finish(name), None
                        else:
                            await sink.take(event)
            parser.close()
    finally:
        if sink is not None:
            sink.close()
    return parts


def _part_name(segment: Any, limits: Mapping[str, int], seen: Mapping[str, Received]) -> str:
    name = str(segment.name)
    if name not in limits:
        known = ", ".join(limits)
        raise Permanent("bad_request", f"A part is named {display_name(name, 'nothing')!r}; known are {known}.")
    if name in seen:
        raise Permanent("bad_request", f"The part `{name}` was sent twice.")
    return name


async def timely(chunks: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes, None]:
    """The same pieces, up to `limit` bytes in all, from a sender that neither pauses nor trickles for too long."""
    iterator = aiter(chunks)
    taken, ends = 0, time.monotonic() + LONGEST_SECONDS
    while True:
        try:
            async with asyncio.timeout(min(IDLE_SECONDS, ends - time.monotonic())):
                chunk = await anext(iterator)
        except StopAsyncIteration:
            return
        except TimeoutError:
            if time.monotonic() >= ends:
                raise Permanent("bad_request", "The upload took too long.") from None
            raise Permanent("bad_request", f"No data came for {IDLE_SECONDS:.0f} s.") from None
        taken += len(chunk)
        if taken > limit:
            raise Permanent("file_too_large", f"The request is larger than {human(limit)}.")
        if chunk:
            yield chunk


async def drain(chunks: AsyncIterator[bytes], *, seconds: float) -> None:
    """Read on and throw away, for a while: a client that still sends would miss the answer to a refused order."""
    with suppress(TimeoutError, BeatloomError):
        async with asyncio.timeout(seconds):
            async for _ in chunks:
                await asyncio.sleep(0)  # a fast sender must not keep the loop, nor outrun the timeout
