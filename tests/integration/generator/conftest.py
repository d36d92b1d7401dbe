"""A bus of its own for each test, and one child to work in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from libs.bus.connection import Bus
from libs.runtime.workers import WorkerPool
from tests.servers.nats import MakeNats


@pytest.fixture
async def bus(nats_server: MakeNats) -> AsyncIterator[Bus]:
    server = nats_server()
    bus = await Bus.connect(server.url, server.token, name="test")
    await bus.ensure_topology()
    yield bus
    await bus.close()


@pytest.fixture
async def workers() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(1) as pool:
        yield pool
