"""The clients of the API's benchmark, as light as Python lets them be: bare sockets, no HTTP library.

A process of its own: orders come as lines of JSON on stdin, each is answered by one on stdout.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

SEGMENT = re.compile(rb"id: \d+\nevent: (\w+)\ndata: ([^\n]*)\n\n")
AT = re.compile(rb'"at":"([^"]+)"')


class Client:
    """A connection that is kept: one request after the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, head: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the answer. A connection that the server closed while it was idle is opened again."""
        for _ in range(3):
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                return await self._asked(*self._streams, head, body)
            except (asyncio.IncompleteReadError, ConnectionResetError):
                self._streams = None
        raise RuntimeError("the server closes connections")

    async def _asked(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str, body: bytes
    ) -> tuple[int, bytes]:
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        writer.write(f"{head} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n".encode() + body)
        told = await reader.readuntil(b"\r\n\r\n")
        length = int(told.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        return int(told[9:12]), await reader.readexactly(length)


class Follower(asyncio.Protocol):
    """An event stream: notes how old each numbered event is when it comes."""

    def __init__(self, path: str, note: Callable[[float], None]) -> None:
        self._path, self._note = path, note
        self._rest = b""
        self.events = 0
        self.closed = False
        self.begun = time.time()

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        head = f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        transport.write(head.encode())

    def data_received(self, data: bytes) -> None:
        """Look for events; what was told before the stream was opened is not counted."""
        now = time.time()
        self._rest = (self._rest + data)[-100_000:]
        end = 0
        for found in SEGMENT.finditer(self._rest):
            end = found.end()
            self.events += 1
            at = AT.search(found[2])
            if at:
                told = datetime.fromisoformat(at[1].decode()).timestamp()
                if told > self.begun:
                    self._note(now - told)
        self._rest = self._rest[end:] if end else self._rest

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self.closed = True


class Load:
    """All clients of one server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._followers: list[Follower] = []
        self._ages: list[float] = []
        self._clients = [Client(port) for _ in range(200)]

    async def follow(self, paths: list[str]) -> dict[str, Any]:
        """Open a stream for each path, and keep it."""
        loop = asyncio.get_running_loop()
        for path in paths:
            follower = Follower(path, self._ages.append)
            await loop.create_connection(lambda one=follower: one, "127.0.0.1", self._port)  # type: ignore[misc]
            self._followers.append(follower)
            await asyncio.sleep(0.002)
        await asyncio.sleep(1)
        return {"open": sum(not one.closed for one in self._followers)}

    async def ages(self) -> dict[str, Any]:
        """How old events were, since the last time."""
        found, self._ages[:] = list(self._ages), []
        return {"ages": found, "open": sum(not one.closed for one in self._followers)}

    async def paced(self, paths: list[str], rate: float, seconds: float) -> dict[str, Any]:
        """Ask at this rate whatever the answers take; a late start counts as waiting."""
        took: list[float] = []
        bad = 0
        began = time.monotonic()

        async def one(number: int) -> None:
            nonlocal bad
            client = self._clients[number]
            for turn in range(number, round(rate * seconds), len(self._clients)):
                due = began + turn / rate
                await asyncio.sleep(max(due - time.monotonic(), 0))
                status, _ = await client.ask(f"GET {paths[turn % len(paths)]}")
                took.append(time.monotonic() - due)
                bad += status != 200

        await asyncio.gather(*(one(number) for number in range(len(self._clients))))
        return {"took": took, "bad": bad}

    async def flat_out(self, paths: list[str], seconds: float) -> dict[str, Any]:
        """All clients ask as fast as they are answered."""
        took: list[float] = []
        end = time.monotonic() + seconds

        async def one(number: int) -> None:
            turn = number
            while (now := time.monotonic()) < end:
                await self._clients[number].ask(f"GET {paths[turn % len(paths)]}")
                took.append(time.monotonic() - now)
                turn += 1

        await asyncio.gather(*(one(number) for number in range(len(self._clients))))
        return {"took": took}

    async def submit(self, path: str, body: str, rate: float, seconds: float) -> dict[str, Any]:
        """Place orders at this rate."""
        took, ids = [], []
        began = time.monotonic()
        for turn in range(round(rate * seconds)):
            await asyncio.sleep(max(began + turn / rate - time.monotonic(), 0))
            now = time.monotonic()
            status, answer = await self._clients[0].ask(f"POST {path}", body.encode())
            took.append(time.monotonic() - now)
            assert status == 202, answer
            ids.append(json.loads(answer)["job_id"])
        return {"took": took, "ids": ids}


async def main() -> None:
    """Do as told until stdin ends."""
    load = Load(int(sys.argv[1]))
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, given = json.loads(line)
        answer = await getattr(load, name)(**given)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({**answer, "cpu": used.ru_utime + used.ru_stime}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
