"""One ASGI application out of six: ingest's at the root, the others' below /services/NAME."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import httpx
import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from libs.runtime.app import Check, readiness

PREFIX = "/services/"
READY = "/healthz/ready"
ASK_S = 5.0

Life = Callable[[], AbstractAsyncContextManager[Mapping[str, ASGIApp]]]


class FrontDoor:
    """Sends each request to the application that it is for.

    life: its block is the life of the applications that it yields by name, ingest among them. checks: what else
    has to be ready, by name. When the start fails, `failure` holds why.
    """

    def __init__(self, life: Life, checks: Mapping[str, Check]) -> None:
        self.failure: BaseException | None = None
        self._life = life
        self._checks = checks
        self._apps: Mapping[str, ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        kind: str = scope["type"]
        if kind == "lifespan":
            await self._live(receive, send)
            return
        path = scope["path"]
        if path == READY:
            await self._ready(send, head=scope.get("method") == "HEAD")
            return
        if path.startswith(PREFIX):
            name, slash, rest = path.removeprefix(PREFIX).partition("/")
            if slash and name in self._apps:
                inside: Any = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}
                await self._apps[name](inside, receive, send)
                return
        await self._apps["ingest"](scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        tell: Callable[[Any], Any] = send
        await receive()
        async with AsyncExitStack() as block:
            try:
                self._apps = await block.enter_async_context(self._life())
            except BaseException as error:
                self.failure = error
                await tell({"type": "lifespan.startup.failed", "message": str(error)})
                if not isinstance(error, Exception):
                    raise
                return
            await tell({"type": "lifespan.startup.complete"})
            await receive()
        await tell({"type": "lifespan.shutdown.complete"})

    async def _ready(self, send: Send, *, head: bool) -> None:
        told = dict(zip(self._apps, await asyncio.gather(*map(_ask, self._apps.values())), strict=True))
        problems = await readiness(self._checks)
        told |= {name: problems.get(name, "ready") for name in self._checks}
        ready = all(answer == "ready" for answer in told.values())
        body = {"status": "ready" if ready else "not_ready", "service": "standalone", "checks": told}
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        tell: Callable[[Any], Any] = send
        await tell({"type": "http.response.start", "status": 200 if ready else 503, "headers": headers})
        await tell({"type": "http.response.body", "body": b"" if head else msgspec.json.encode(body)})


async def _ask(app: ASGIApp) -> Any:
    """`ready`, or what the application says of why it isn't."""
    transport: Any = app
    try:
        async with (
            asyncio.timeout(ASK_S),
            httpx.AsyncClient(transport=httpx.ASGITransport(transport), base_url="http://inside") as client,
        ):
            answer = await client.get(READY)
    except TimeoutError:
        return "timeout: no answer"
    if answer.is_success:
        return "ready"
    try:
        return msgspec.json.decode(answer.content)["checks"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"answered {answer.status_code}"
