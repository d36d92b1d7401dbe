"""The content scanner: clamd, asked with its INSTREAM command. Nothing passes when it doesn't answer."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from libs.contracts.errors import Permanent, Retryable

CONNECT_S = 5.0
ANSWER_S = 120.0
"""How long it may take for a whole file."""
CHUNK = 1 << 18
MAX_ANSWER = 4096
TRY_AGAIN_S = 10.0


class Scanner:
    """A clamd at `tcp://host:port` or `unix:///path`; with "" every file passes.

    Raises Permanent("bad_setting") for another address.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._path = parts.path
        self._host, self._port = parts.hostname or "", 0
        self.scans = bool(address)
        try:
            self._port = parts.port or 3310
        except ValueError:
            self._host = ""
        is_unix = parts.scheme == "unix" and parts.path and not parts.netloc
        if self.scans and not is_unix and not (parts.scheme == "tcp" and self._host):
            raise Permanent("bad_setting", "BEATLOOM_INGEST_SCANNER is not tcp://host:port or unix:///path.")
        self._is_unix = bool(is_unix)

    async def check(self, path: Path) -> None:
        """Return when the file is clean. Raises Permanent("infected"), Retryable("scanner_unavailable")."""
        if not self.scans:
            return
        try:
            async with asyncio.timeout(ANSWER_S):
                said = await self._ask(path)
        except (OSError, asyncio.IncompleteReadError) as error:  # TimeoutError is an OSError
            raise _unavailable("The content scanner does not answer.") from error
        if said.endswith(b" FOUND"):
            raise Permanent("infected")
        if said.startswith(b"INSTREAM size limit"):
            raise _unavailable("The content scanner takes no file that large: raise its StreamMaxLength.")
        if said != b"stream: OK":
            raise _unavailable("The content scanner could not scan the file.")

    async def _ask(self, path: Path) -> bytes:
        async with asyncio.timeout(CONNECT_S):
            if self._is_unix:
                reader, writer = await asyncio.open_unix_connection(self._path)
            else:
                reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            with suppress(ConnectionError):  # it may answer and hang up before it has heard all
                await _send(writer, path)
            return (await reader.read(MAX_ANSWER)).strip(b"\0\r\n")
        finally:
            writer.close()


async def _send(writer: asyncio.StreamWriter, path: Path) -> None:
    writer.write(b"zINSTREAM\0")
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            writer.write(struct.pack(">I", len(chunk)) + chunk)
            await writer.drain()
    writer.write(struct.pack(">I", 0))
    await writer.drain()


def _unavailable(message: str) -> Retryable:
    return Retryable("scanner_unavailable", message, after=TRY_AGAIN_S)
