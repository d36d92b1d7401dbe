"""A double of clamd: speaks INSTREAM, finds the EICAR test file, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass
class Clamd:
    """What it was sent, and how it answers."""

    address: str = ""
    scanned: int = 0
    most: int = 25_000_000
    """Its StreamMaxLength."""
    silent: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One command."""
        try:
            assert await reader.readexactly(10) == b"zINSTREAM\0"
            found = await self._scan(reader)
            if self.silent:
                await reader.read()
            writer.write(found + b"\0")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _scan(self, reader: asyncio.StreamReader) -> bytes:
        data = bytearray()
        while size := struct.unpack(">I", await reader.readexactly(4))[0]:
            data += await reader.readexactly(size)
            if len(data) > self.most:
                return b"INSTREAM size limit exceeded. ERROR"
        self.scanned += 1
        return b"stream: Eicar-Test-Signature FOUND" if EICAR in data else b"stream: OK"


@asynccontextmanager
async def clamd(socket: Path | None = None) -> AsyncIterator[Clamd]:
    """One that listens on a free port of the loopback, or on a unix socket."""
    double = Clamd()
    if socket is None:
        server = await asyncio.start_server(double.serve, "127.0.0.1", 0)
        double.address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        server = await asyncio.start_unix_server(double.serve, socket)
        double.address = f"unix://{socket}"
    try:
        yield double
    finally:
        server.close()
