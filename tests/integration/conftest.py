"""A nats-server for each test that asks, and a connection to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from libs.bus.connection import Bus
from tests.servers.nats import MakeNats, NatsServer


@pytest.fixture
def nats(nats_server: MakeNats) -> NatsServer:
    """A started server."""
    return nats_server()


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    """A connection; the topology stands."""
    made = await Bus.connect(nats.url, nats.token, name="test")
    await made.ensure_topology()
    yield made
    await made.close()
