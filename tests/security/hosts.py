"""Hosts that a server is lured to: they answer what a test tells them, and remember what they were asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Host:
    """A plain HTTP server: an answer for each path, `*` for all others."""

    answers: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The paths, with their Host header."""
    trickle: bool = False
    """Say a byte of the body now and then, for ever."""
    silent: bool = False
    port: int = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The address of a path, under any name."""
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1]
            names = [line[6:] for line in head.split("\r\n") if line.lower().startswith("host: ")]
            self.asked.append(f"{names[0]}{path}")
            if self.silent:
                await reader.read()
            writer.write(self.answers.get(path) or self.answers.get("*", answer(404)))
            await writer.drain()
            while self.trickle:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer; `content_length` may lie."""
    told = {"content_length": str(len(body)), "connection": "close", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body


@asynccontextmanager
async def hosting(**answers: bytes) -> AsyncIterator[Host]:
    """A host on a free port of the loopback, with answers by path (`song` for `/song`)."""
    host = Host({f"/{name}": said for name, said in answers.items()})
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()


class Names:
    """A resolver of the test's own. A name with several answers gives them one after the other: it rebinds."""

    def __init__(self, names: Mapping[str, Iterable[Iterable[str]]]) -> None:
        self._left = {name: [list(answer) for answer in answers] for name, answers in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Iterable[str]:
        """The next answer; the last one again and again."""
        self.asked.append(host)
        answers = self._left.get(host)
        if answers is None:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]
