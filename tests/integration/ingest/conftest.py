"""The API over a real ledger in SQLite, a store in a folder, and a real nats-server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.bus.connection import Bus
from libs.runtime.workers import WorkerPool
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from tests.integration.ingest.server import Api, running
from tests.servers.nats import MakeNats


@pytest.fixture
async def api(tmp_path: Path, nats_server: MakeNats) -> AsyncIterator[Api]:
    """A running API of the test's own."""
    server = nats_server()
    bus = await Bus.connect(server.url, server.token, name="test")
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/ledger.db")
    await database.migrate()
    ledger = Ledger(database, on_commit=bus.wake)
    try:
        async with WorkerPool(1) as pool, running(tmp_path, ledger, bus, pool, server, database) as found:
            yield found
    finally:
        await database.close()
        await bus.close()
