"""The API over a real ledger in SQLite, a store in a folder, and a real nats-server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.bus.connection import Bus
from libs.runtime.workers import WorkerPool
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from tests.integration.ingest.server import Api, running
from tests.security.hosts import Names
from tests.servers.nats import MakeNats

OUTSIDE = Names({"outside.example": [["127.0.0.1"]]})
"""The one name that may be fetched from, although it means this machine."""


@pytest.fixture
async def api(tmp_path: Path, nats_server: MakeNats) -> AsyncIterator[Api]:
    """A running API of the test's own."""
    server = nats_server()
    bus = await Bus.connect(server.url, server.token, name="test")
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/ledger.db")
    await database.migrate()
    ledger = Ledger(database, on_commit=bus.wake)
    try:
        async with (
            WorkerPool(1) as pool,
            running(tmp_path, ledger, bus, pool, server, database, names=OUTSIDE) as found,
        ):
            yield found
    finally:
        await database.close()
        await bus.close()
