"""A service for the tests of `run`: `python -m tests.integration.runtime.serving PORT FOLDER`. Notes in the folder
say that it came up and went down."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from litestar import Litestar, get
from litestar.response import Stream
from prometheus_client import CollectorRegistry

from libs.contracts.errors import Retryable
from libs.runtime.app import service_app
from libs.runtime.run import main
from libs.telemetry import logging


def build() -> tuple[Litestar, str, int, float]:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    logging.configure("test", "info")

    @contextlib.asynccontextmanager
    async def life(app: Litestar) -> AsyncIterator[None]:
        if (folder / "refuse").exists():
            raise Retryable("bus_unavailable")
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

    app = service_app(
        "test",
        route_handlers=[slow, forever],
        checks={},
        vital={"consumer": alive},
        lifespan=[life],
        registry=CollectorRegistry(),
    )
    return app, "127.0.0.1", port, 5.0


if __name__ == "__main__":
    main(build)
