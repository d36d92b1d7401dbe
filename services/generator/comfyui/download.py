"""Fetches a file piece by piece: what breaks off goes on where it was, what has changed begins anew."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import BinaryIO

import httpx
from msgspec import Struct

from services.generator.comfyui.errors import OutputGone, Refused, Unreachable
from services.generator.comfyui.transport import answered, translated

TRIES = 5
"""Failures in a row, without a byte more, after which it is given up."""

_PAUSE_S = 0.1
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class Downloaded(Struct, frozen=True):
    """A file that was written whole: bytes and SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


class Part:
    """One response that carries the file from the byte `start` on.

    total: bytes of the whole file; None where the server doesn't say. tag: names these very bytes, for a request
    that goes on; "" where there is none, or one that means no more than much the same (weak).
    """

    def __init__(self, response: httpx.Response) -> None:
        headers = response.headers
        self.start = 0
        self.total = int(headers["content-length"]) if headers.get("content-length", "").isdigit() else None
        self.tag: str = headers.get("etag") or headers.get("last-modified") or ""
        if self.tag.startswith("W/"):
            self.tag = ""
        if response.status_code == 206:
            spans = _RANGE.fullmatch(headers.get("content-range", ""))
            if spans is None:
                raise ValueError("a part of a file that doesn't say which")
            self.start, self.total = int(spans[1]), int(spans[2])
        self._response = response

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes."""
        return self._response.aiter_raw()


Ask = Callable[[int, str], AbstractAsyncContextManager[httpx.Response]]
"""Opens the response for the file from a byte on, if its tag is still the one given."""


async def fetch(ask: Ask, what: str, file: str, target: Path, *, limit_s: float, largest: int) -> Downloaded:
    """Write the file to `target`, by way of a file beside it.

    what: the call, file: its name, both for errors. Raises OutputGone for a 404, Refused, Unreachable, OSError.
    """
    beside = target.with_name(f"{target.name}.part")
    out = await asyncio.to_thread(beside.open, "wb")
    try:
        with out:
            writing = _Writing(out, what, largest)
            async with translated(what, limit_s):
                await _whole(ask, writing, what, file)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return Downloaded(size=writing.size, sha256=writing.sha.hexdigest())


async def _whole(ask: Ask, writing: _Writing, what: str, file: str) -> None:
    furthest, failures = 0, 0
    while True:
        try:
            async with translated(what, None), ask(writing.size if writing.tag else 0, writing.tag) as response:
                if response.status_code == 404:
                    raise OutputGone(file)
                if response.status_code == 416:
                    writing.begin("", None)
                    raise httpx.ReadError("the file has become shorter")
                if not response.is_success:
                    await response.aread()
                await writing.take(Part(answered(response)))
                return
        except Unreachable:
            failures = 0 if writing.size > furthest else failures + 1
            furthest = max(furthest, writing.size)
            if failures == TRIES:
                raise
            await asyncio.sleep(_PAUSE_S * 2**failures)


class _Writing:
    """What has been written of the file so far."""

    def __init__(self, out: BinaryIO, what: str, largest: int) -> None:
        self.size = 0
        self.tag = ""
        self.sha = hashlib.sha256()
        self._out = out
        self._what = what
        self._largest = largest
        self._total: int | None = None

    def begin(self, tag: str, total: int | None) -> None:
        """Forget all that was written."""
        if self.size:
            self._out.seek(0)
            self._out.truncate()
        self.size, self.sha, self.tag, self._total = 0, hashlib.sha256(), tag, total

    async def take(self, part: Part) -> None:
        """Write a response to its end. Raises httpx.ReadError when it ends before the file does, or after it.

        Servers may send a part of another file than the one that was begun: aiohttp minds no tag in `If-Range`.
        """
        goes_on = part.start == self.size and part.tag == self.tag and part.total == self._total
        if part.start == 0 or not goes_on:
            self.begin(part.tag, part.total)
            if part.start != 0:
                raise httpx.ReadError("another part than the one asked for")
        if self._total is not None and self._total > self._largest:
            raise self._too_large()
        async for chunk in part.chunks():
            if self._total is not None and self.size + len(chunk) > self._total:
                self.begin("", None)
                raise httpx.ReadError("more bytes came than were told")
            self._out.write(chunk)
            self.sha.update(chunk)
            self.size += len(chunk)
            if self.size > self._largest:
                raise self._too_large()
        if self._total is not None and self.size != self._total:
            raise httpx.ReadError(f"{self.size} of {self._total} bytes came")

    def _too_large(self) -> Refused:
        return Refused(f"{self._what}: more than {self._largest} bytes", status=413)
