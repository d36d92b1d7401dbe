"""Just enough HTTP over ASGI: a request, an answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Request(msgspec.Struct):
    """One request, its body read."""

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Raises ValueError for anything else, an empty body too."""
        return json.loads(self.body)


class Answer(msgspec.Struct):
    """What goes back. `cut_at`: the connection breaks after so many bytes of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}
    cut_at: int = -1

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Answer:
        """A JSON body."""
        return cls(status, json.dumps(value).encode(), {"content-type": "application/json; charset=utf-8"})


def trouble() -> Answer:
    """What an unhandled error gives."""
    text = b"500 Internal Server Error\n\nServer got itself in trouble"
    return Answer(500, text, {"content-type": "text/plain; charset=utf-8"})


async def read(scope: Scope, receive: Receive) -> Request:
    """The whole request."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    pairs = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    query = {name: values[-1] for name, values in pairs.items()}
    return Request(scope["method"], scope["path"], headers, query, bytes(body))


class Broken(Exception):
    """The connection is to be broken here."""


async def reply(answer: Answer, send: Send) -> None:
    """Send it. Raises Broken in the middle when it is to be cut."""
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if answer.cut_at >= 0:
        await send({"type": "http.response.body", "body": answer.body[: answer.cut_at], "more_body": True})
        raise Broken
    await send({"type": "http.response.body", "body": answer.body})
