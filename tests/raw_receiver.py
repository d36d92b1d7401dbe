"""A receiver of webhooks that answers any bytes, late, for ever, or not at all."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Request:
    """A request as it came over the wire."""

    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Takes requests, and answers each with the next of its answers (the last one again and again)."""

    answers: list[bytes] = field(default_factory=lambda: [b"HTTP/1.1 204 No Content\r\n\r\n"])
    wait_s: float = 0.0
    endless: bool = False
    trickle_s: float = 0.0
    """Seconds between the bytes of an endless answer."""
    got: list[Request] = field(default_factory=list)
    port: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by each request."""

    def url(self, target: str = "/hook", host: str = "127.0.0.1", scheme: str = "http") -> str:
        """Where it is reached."""
        return f"{scheme}://{host}:{self.port}{target}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request and answer it, whatever that is."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.got.append(Request(first.split(" ")[1], headers, body))
            self.came.set()
            await asyncio.sleep(self.wait_s)
            writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
            await writer.drain()
            while self.endless:
                writer.write(b"x" if self.trickle_s else b"x" * 65536)
                await writer.drain()
                await asyncio.sleep(self.trickle_s)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer. headers: underscores stand for hyphens."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{lines}\r\n".encode() + body


@asynccontextmanager
async def listening(receiver: Receiver, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Listen on the receiver's port of the loopback, or a free one, until the block ends."""
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", receiver.port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
