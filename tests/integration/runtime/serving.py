"""A service for the tests of `run`. Files in its folder tell it what to do, and tell what it did."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from litestar import Litestar, get
from litestar.response import Stream
from prometheus_client import CollectorRegistry

from libs.contracts.errors import Retryable
from libs.runtime.app import service_app
from libs.runtime.run import start
from libs.runtime.settings import Port, Settings, Shared


class TestSettings(Settings, frozen=True, kw_only=True):
    shared: Shared
    host: str = "127.0.0.1"
    port: Port = 0
    folder: str


def create_app(settings: TestSettings) -> Litestar:
    folder = Path(settings.folder)
    (folder / "pid").write_text(str(os.getpid()))

    @contextlib.asynccontextmanager
    async def life(app: Litestar) -> AsyncIterator[None]:
        if (folder / "refuse").exists():
            raise Retryable("bus_unavailable")
        while (folder / "wait").exists():
            (folder / "waiting").touch()
            await asyncio.sleep(0.01)
        yield
        while (folder / "hold").exists():  # noqa: ASYNC110  (another process removes it)
            await asyncio.sleep(0.01)
        (folder / "down").touch()

    async def alive() -> None:
        if (folder / "die").exists():
            raise RuntimeError("the consumer died")

    @get("/slow")
    async def slow() -> str:
        (folder / "asked").touch()
        await asyncio.sleep(0.5)
        return "done"

    @get("/forever")
    async def forever() -> Stream:
        async def ticks() -> AsyncIterator[bytes]:
            while True:
                yield b"tick\n"
                await asyncio.sleep(0.05)

        return Stream(ticks())

    ending = asyncio.Event()

    @get("/until-the-stop")
    async def until_the_stop() -> Stream:
        async def silence() -> AsyncIterator[bytes]:
            yield b"began\n"
            await ending.wait()
            yield b"ended\n"

        return Stream(silence())

    return service_app(
        "test",
        route_handlers=[slow, forever, until_the_stop],
        checks={},
        vital={"consumer": alive},
        on_stop=ending.set,
        lifespan=[life],
        registry=CollectorRegistry(),
    )


if __name__ == "__main__":
    start("tester", TestSettings, create_app)
