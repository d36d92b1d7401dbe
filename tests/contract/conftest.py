"""The ledger's databases, of either kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.ingest.database import Database


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/ledger.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def bare(database_url: str) -> AsyncIterator[Database]:
    """A connection to one, still without tables."""
    made = Database(database_url)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def database(bare: Database) -> Database:
    """The same with its tables."""
    await bare.migrate()
    return bare
