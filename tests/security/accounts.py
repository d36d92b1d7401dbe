"""Accounts whose passwords are hashed quickly, over a real ledger; a clock that a test moves."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from argon2 import PasswordHasher

from libs.seal import Keyring
from services.ingest.access.callers import MACHINE, NOBODY, Caller, Role
from services.ingest.accounts.accounts import Accounts
from services.ingest.accounts.opening import open_accounts
from services.ingest.accounts.passwords import Passwords
from services.ingest.accounts.records import Login, User
from services.ingest.database import Database
from services.ingest.schema import metadata
from services.ingest.settings import IngestSettings

PASSWORD = "seven otters sing at night"
ADA, BOB = "ada@example.com", "bob@example.com"
KEY = base64.b64encode(bytes(32)).decode()
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


class Clock:
    """The time, which stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)


def quick_accounts(
    database: Database,
    keyring: Keyring,
    clock: Callable[[], datetime],
    *,
    hasher: PasswordHasher = QUICK,
    **settings: Any,
) -> Accounts:
    """Accounts as the settings want them, apart from how their passwords are hashed."""
    return open_accounts(IngestSettings(**settings), database, keyring, clock=clock, passwords=Passwords(hasher))


class House(NamedTuple):
    """Accounts, and what they stand on."""

    accounts: Accounts
    database: Database
    clock: Clock

    async def user(self, email: str = ADA, role: Role = "user") -> User:
        """A new user with the usual password."""
        return await self.accounts.create_user(MACHINE, email, PASSWORD, role)

    async def login(self, email: str = ADA, password: str = PASSWORD, *, address: str = "192.0.2.1") -> Login:
        """Log in from an address."""
        return await self.accounts.logins.login(nobody(address), email, password)

    async def caller(self, email: str = ADA) -> Caller:
        """A user who has just logged in."""
        return await self.accounts.authenticate((await self.login(email)).access_token)

    async def rows(self, table: sa.Table) -> list[Any]:
        """All rows of a table."""
        async with self.database.read() as connection:
            return list((await connection.execute(sa.select(table))).all())


def nobody(address: str = "192.0.2.1") -> Caller:
    """Somebody who has not said yet who they are."""
    return msgspec.structs.replace(NOBODY, address=address)


@asynccontextmanager
async def house_at(
    url: str | Path, *, keys: tuple[str, ...] = (KEY,), clock: Clock | None = None, **settings: Any
) -> AsyncIterator[House]:
    """Accounts over a database: its address, or a folder for one in SQLite."""
    database = Database(f"sqlite+aiosqlite:///{url}/ledger.db" if isinstance(url, Path) else url)
    clock = clock or Clock()
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)  # sooner than by migrations
    accounts = quick_accounts(database, Keyring(keys), clock, **settings)
    try:
        yield House(accounts, database, clock)
    finally:
        await accounts.aclose()
        await database.close()
