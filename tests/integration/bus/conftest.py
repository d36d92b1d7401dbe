"""A server and a connection for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from libs.bus.connection import Bus
from tests.servers.nats import MakeNats, NatsServer

Connect = Callable[..., Awaitable[Bus]]

ACK_WAIT_S = 0.6


@pytest.fixture
def server(nats_server: MakeNats) -> NatsServer:
    """A started server."""
    return nats_server()


@pytest.fixture
async def connect(server: NatsServer) -> AsyncIterator[Connect]:
    """Makes connections to the server, closed with the test; the topology stands, with a short `ack_wait`."""
    made: list[Bus] = []

    async def one(**options: float) -> Bus:
        settings = {"ack_wait_s": ACK_WAIT_S, **options}
        bus = await Bus.connect(server.url, server.token, name="test", **settings)  # type: ignore[arg-type]
        made.append(bus)
        await bus.ensure_topology()
        return bus

    yield one
    for bus in made:
        await bus.close()


@pytest.fixture
async def bus(connect: Connect) -> Bus:
    """One connection."""
    return await connect()
