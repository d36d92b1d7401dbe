"""The websockets of a double: who hears what."""

from __future__ import annotations

import asyncio
import json
import secrets
import struct
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4
_JPEG = 1


class _Client:
    """One socket: messages wait in a queue, so that a slow reader holds up nobody."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.metadata = False
        self.sent = 0


class Sockets:
    """All sockets of a server, by client id: the newest of an id hears all, nothing is kept for later."""

    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}
        self.silent = False
        self.life_events = 0
        self.accepted = 0

    def __contains__(self, client_id: object) -> bool:
        return client_id in self._clients

    def tell(self, kind: str, data: dict[str, Any], client_id: str | None = None) -> None:
        """Send an event to one client, or to all."""
        if clients := self._of(client_id):
            text = json.dumps({"type": kind, "data": data})
            for client in clients:
                self._put(client, {"type": "websocket.send", "text": text})

    def preview(self, jpeg: bytes, metadata: dict[str, Any], client_id: str | None, *, described: bool) -> None:
        """Send a picture; those with `described` set take the kind that names its prompt, the rest the other."""
        head = json.dumps(metadata | {"image_type": "image/jpeg"}).encode()
        for client in self._of(client_id):
            if client.metadata and described:
                data = struct.pack(">II", _PREVIEW_WITH_METADATA, len(head)) + head + jpeg
            elif not client.metadata and not described:
                data = struct.pack(">II", _PREVIEW, _JPEG) + jpeg
            else:
                continue
            self._put(client, {"type": "websocket.send", "bytes": data})

    def drop(self) -> None:
        """Close all."""
        for client in self._clients.values():
            client.waiting.put_nowait(None)

    def _of(self, client_id: str | None) -> list[_Client]:
        if self.silent:
            return []
        if client_id is None:
            return list(self._clients.values())
        return [self._clients[client_id]] if client_id in self._clients else []

    def _put(self, client: _Client, message: dict[str, Any]) -> None:
        client.waiting.put_nowait(message)
        client.sent += 1
        if self.life_events and client.sent >= self.life_events:
            client.waiting.put_nowait(None)

    async def serve(
        self,
        scope: dict[str, Any],
        receive: Receive,
        send: Send,
        *,
        greet: Callable[[str], list[tuple[str, dict[str, Any]]]],
        features: dict[str, Any],
    ) -> None:
        """One socket, from its handshake to its end. `greet` gives the first events for a client id."""
        await receive()
        await send({"type": "websocket.accept"})
        self.accepted += 1
        query = parse_qs(scope.get("query_string", b"").decode())
        client_id = (query.get("clientId") or [""])[0] or secrets.token_hex(16)
        client = _Client()
        self._clients[client_id] = client
        for kind, data in greet(client_id):
            text = json.dumps({"type": kind, "data": data})
            client.waiting.put_nowait({"type": "websocket.send", "text": text})
        writer = asyncio.create_task(self._write(client, send))
        try:
            while True:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                self._heard(client, message.get("text") or "", features)
        finally:
            writer.cancel()
            if self._clients.get(client_id) is client:
                del self._clients[client_id]

    def _heard(self, client: _Client, text: str, features: dict[str, Any]) -> None:
        try:
            said = json.loads(text)
        except ValueError:
            return
        if isinstance(said, dict) and said.get("type") == "feature_flags":
            client.metadata = bool(said.get("data", {}).get("supports_preview_metadata"))
            answer = json.dumps({"type": "feature_flags", "data": features})
            client.waiting.put_nowait({"type": "websocket.send", "text": answer})

    async def _write(self, client: _Client, send: Send) -> None:
        while (message := await client.waiting.get()) is not None:
            await send(message)
        await send({"type": "websocket.close", "code": 1001})
