"""One fleet for all tests of faults that can share it, since starting six processes takes some seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.fleet import SECRET, Fleet, running_fleet
from tests.receiver import Receiver, receiver
from tests.servers.nats import NatsServer


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """The fleet's nats-server."""
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def hooks() -> Iterator[Receiver]:
    """Where the fleet's webhooks go."""
    with receiver(SECRET) as state:
        yield state


@pytest.fixture(scope="session")
def running(nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The fleet, started once."""
    with running_fleet(tmp_path_factory.mktemp("fleet"), nats_url=nats.url, nats_token=nats.token) as fleet:
        yield fleet


@pytest.fixture
def fleet(running: Fleet) -> Fleet:
    """The fleet, ready whatever the test before has done to it."""
    running.wait_until_ready()
    return running
