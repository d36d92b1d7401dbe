"""The API over a real ledger in SQLite, a store in a folder, and a real nats-server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from libs.bus.connection import Bus
from libs.runtime.workers import WorkerPool
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from tests.integration.ingest.server import Api, running
from tests.security.hosts import Names
from tests.servers.nats import MakeNats
from tests.servers.s3 import S3Server

OUTSIDE = Names({"outside.example": [["127.0.0.1"]]})
"""The one name that may be fetched from, although it means this machine."""


@asynccontextmanager
async def serving(folder: Path, nats_server: MakeNats, **more: Any) -> AsyncIterator[Api]:
    """A running API over the folder; `more` goes to `running`."""
    server = nats_server()
    bus = await Bus.connect(server.url, server.token, name="test")
    database = Database(f"sqlite+aiosqlite:///{folder}/ledger.db")
    await database.migrate()
    ledger = Ledger(database, on_commit=bus.wake)
    try:
        async with (
            WorkerPool(1) as pool,
            running(folder, ledger, bus, pool, server, database, names=OUTSIDE, **more) as found,
        ):
            yield found
    finally:
        await database.close()
        await bus.close()


@pytest.fixture
async def api(tmp_path: Path, nats_server: MakeNats) -> AsyncIterator[Api]:
    """A running API of the test's own."""
    async with serving(tmp_path, nats_server) as found:
        yield found


@pytest.fixture
async def api_on_s3(tmp_path: Path, nats_server: MakeNats, s3_server: S3Server) -> AsyncIterator[Api]:
    """The same with its artifacts in a bucket, whose server clients reach themselves."""
    bucket = s3_server.url(s3_server.new_bucket())
    async with serving(tmp_path, nats_server, store_url=bucket, s3_url=f"http://{s3_server.address}") as found:
        yield found
