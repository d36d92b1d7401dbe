"""Servers that say anything over their websocket: what is of use is heard, and nothing else ends the listening."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from services.generator.comfyui import stream as streams
from services.generator.comfyui.address import Address
from services.generator.comfyui.events import Connected, Disconnected, Event, Executing, Progress
from services.generator.comfyui.stream import EventStream
from tests.waiting import until


def said(kind: str, **data: object) -> str:
    """A message of the server."""
    return json.dumps({"type": kind, "data": data})


LAST = said("progress", prompt_id="ours", node="1", value=4, max=4)
ODD: list[str | bytes] = [
    b'{"type": "progress", "data": {"prompt_id": "p", "value": 1, "max": 1}}',
    "[" * 100_000,
    '{"type": "progress", "data": ' + '{"a":' * 50_000,
    said("progress", prompt_id="ours", node="1", value=10**400, max=1),
    said("progress", prompt_id="ours", node="1", value=1, max=-(10**400)),
    '{"type": "progress", "data": {"prompt_id": "ours", "value": NaN, "max": Infinity}}',
    said("progress", prompt_id=["ours"], value=1, max=1),
    said("executing", prompt_id={"a": 1}, node="1"),
    said("executing", prompt_id="ours", node={"a": 1}),
    said("execution_success", prompt_id=5),
    said("x" * 100_000, a="b" * 1_000_000),
    '{"type": 5}',
    '{"type": "progress", "data": [1]}',
    "null",
    struct.pack(">II", 4, 0xFFFFFFFF) + b"{}",
    struct.pack(">II", 4, 4) + b'"\xff\xfe"',
    struct.pack(">II", 4, 50_000) + b"[" * 50_000,
    struct.pack(">II", 4, 19) + b'{"image_type":"exe"}',
    struct.pack(">II", 1, 99) + b"abc",
    b"\0" * 1_000_000,
]


class Heard(list[Event]):
    """A listener that keeps what it is told."""

    def __call__(self, event: Event) -> None:
        self.append(event)


@asynccontextmanager
async def talking(*messages: str | bytes) -> AsyncIterator[str]:
    """A server that says all this to everybody who greets, and then nothing. Its URL."""

    async def talk(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await socket.recv()
            for message in messages:
                await socket.send(message)
            await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0, compression=None) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def test_odd_messages_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    async with talking(*ODD, LAST) as url, EventStream(Address(url), "c", heard) as stream:
        await until(lambda: bool(heard) and isinstance(heard[-1], Progress))
        assert stream.connected
    assert [event for event in heard if not isinstance(event, Connected)] == [Progress("ours", "1", 4, 4)]
    assert "Traceback" not in caplog.text


async def test_a_message_that_is_too_long_costs_the_connection_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LARGEST_MESSAGE", 100_000)
    heard = Heard()
    async with talking(LAST, b"x" * 3_000_000) as url, EventStream(Address(url), "c", heard):
        await until(lambda: heard.count(Connected()) == 2)
    assert any("1009" in event.reason for event in heard if isinstance(event, Disconnected))


@pytest.mark.parametrize(
    "where", ["ws://127.0.0.1:1/", "http://user:secret@elsewhere/", "file:///etc/passwd", "/ws"]
)
async def test_no_redirect_is_followed(where: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    heard, asked = Heard(), list[str]()

    def refuse(socket: ServerConnection, request: Request) -> Response:
        asked.append(request.headers["Authorization"])
        response = socket.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = where
        return response

    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as server:
        url = f"http://me:hidden@127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        async with EventStream(Address(url), "c", heard) as stream:
            await until(lambda: len(asked) > 1)
            assert not stream.connected
    assert heard == []
    ours = [record.getMessage() for record in caplog.records if "server" not in record.name]
    assert not any(word in line for word in ("hidden", "bWU6aGlkZGVu", "secret") for line in ours)
    assert any("302" in line for line in ours)


@pytest.mark.parametrize(
    "greeting", [b"", b"HTTP/1.1 200 OK\r\n\r\n<html>", b"\xff" * 5000, b"HTTP/1.1 101 X\r\n\r\n"]
)
async def test_what_is_no_websocket_is_tried_again(greeting: bytes) -> None:
    calls = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1")
    heard = Heard()
    async with server, EventStream(Address(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), "c", heard):
        await until(lambda: calls > 2)
    assert heard == []


async def test_an_error_that_nobody_thought_of_does_not_end_the_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()

    def broken(message: str | bytes) -> list[Event]:
        raise LookupError(str(message)[:10]) if len(heard) < 3 else StopAsyncIteration

    monkeypatch.setattr(streams, "read", broken)
    async with talking(said("executing", prompt_id=None, node="3")) as url, EventStream(Address(url), "c", heard):
        await until(lambda: heard.count(Connected()) > 2)
    assert not any(isinstance(event, Executing) for event in heard)
