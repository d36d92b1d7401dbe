"""The connection to SQLite or PostgreSQL: how a transaction begins, and what its errors mean."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from libs.contracts.errors import Retryable
from services.ingest.sqlite_thread import connect

P = ParamSpec("P")
R = TypeVar("R")

_changed: ContextVar[set[str] | None] = ContextVar("beatloom_changed", default=None)

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = int.from_bytes(hashlib.sha256(b"beatloom migrations").digest()[:7], "big")
"""Key of the PostgreSQL advisory lock under which tables are changed."""

_WRITES = "beatloom_writes"
_BUSY_MS = 10_000

CONFLICT_TRIES = 5

_UNDONE_STATE = "40"
"""Class of SQLSTATE: the transaction was undone because of another one (a deadlock)."""
_TRANSIENT_STATES = ("08", "53", "55", "57", "58")
"""Classes of SQLSTATE after which the same transaction may succeed: connection, resources, locks, shutdown,
system."""


class Database:
    """An engine that reads and writes in transactions. Errors of a database that is away become
    `Retryable("ledger_unavailable")`, deadlocks `Retryable("conflict")`.

    url: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://user:password@host/name`.
    on_change: called after a commit with each id that `note_change` was told in it; must not raise. It only makes
    things quicker: whoever follows an id also looks by himself.
    """

    def __init__(self, url: str) -> None:
        # Parameters are hidden in errors, and so in the log: hashes of passwords and texts of users among them.
        self.on_change: Callable[[str], Awaitable[None]] | None = None
        parsed = sa.engine.make_url(url)
        self.dialect = parsed.get_backend_name()
        self._looker: sa.Engine | None = None
        if self.dialect == "sqlite":
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
                self._looker = _sqlite_looker(parsed)
            self._engine = _sqlite_engine(parsed, _on_sqlite_connect)
        else:
            self._engine = create_async_engine(
                parsed, pool_pre_ping=True, pool_size=10, max_overflow=10, hide_parameters=True
            )
        self._glances = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer = self._engine.execution_options(**{_WRITES: True})
        # SQLite has one writer: in this process they wait in line here, not in its busy handler's sleeps.
        self._under_way: set[asyncio.Future[Any]] = set()
        self._turn = asyncio.Lock() if self.dialect == "sqlite" else None

    @property
    def locks_rows(self) -> bool:
        """True when the database can lock single rows."""
        return self.dialect == "postgresql"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads: one state of the database, no lock that a writer would wait for."""
        try:
            async with self._engine.connect() as connection, connection.begin():
                yield connection
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _translated(error) from error

    async def look(self, work: Callable[Concatenate[sa.Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `work` reads: a few rows by their keys, in one state of an SQLite database, and with no round trip
        besides its own on PostgreSQL, where each of its statements sees what was committed before it.

        On SQLite it runs right here: rows come from the page cache sooner than another thread would wake up. Should
        the file be locked, another thread waits for it after all.
        """
        if self._looker is not None:
            try:
                with self._looker.connect() as here, here.begin():
                    return work(here, *args, **kwargs)
            except OperationalError as error:
                log.info("the ledger can't be read at once: %s", error.orig)
        try:
            async with (self._glances if self.locks_rows else self._engine).connect() as there:
                return await there.run_sync(work, *args, **kwargs)
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _translated(error) from error

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end of the block, rolled back by an exception. Prefer `transact`."""
        try:
            if self._turn is None:
                async with self._writer.begin() as connection:
                    yield connection
            else:
                async with self._turn, self._writer.begin() as connection:
                    yield connection
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _translated(error) from error

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[R]]) -> R:
        """What `work` returns from within a transaction. A caller that is cancelled does not cut it off.

        `work` is done again from the start, a few times, when another transaction got in between.
        Cut off in the middle, a connection to SQLite keeps its lock until its thread has noticed, and all other
        writers wait for it.
        """
        task = asyncio.ensure_future(self._until_alone(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _until_alone(self, work: Callable[[AsyncConnection], Awaitable[R]]) -> R:
        for tried in range(1, CONFLICT_TRIES + 1):
            changed: set[str] = set()
            _changed.set(changed)  # for this task alone
            try:
                async with self.write() as connection:
                    result = await work(connection)
                await self._tell_of(changed)
                return result
            except Retryable as error:
                if error.code != "conflict" or tried == CONFLICT_TRIES:
                    raise
                log.info("another process changed the same meanwhile; once more (%d)", tried)
                await asyncio.sleep(0.02 * tried * random.random())  # noqa: S311 (spreads load)
        raise AssertionError("unreachable")

    async def _tell_of(self, changed: set[str]) -> None:
        if self.on_change is not None:
            for each in changed:
                await self.on_change(each)

    async def insert_new(
        self, connection: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
    ) -> int:
        """Insert those rows that are not there yet, by any unique key; how many were new."""
        build = postgresql.insert if self.locks_rows else sqlite.insert
        new = 0
        for row in rows:
            result = await connection.execute(build(table).values(**row).on_conflict_do_nothing())
            new += result.rowcount
        return new

    async def migrate(self) -> None:
        """Bring the tables up to date. Safe to be called by many processes at once."""
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))

        def upgrade(connection: sa.Connection) -> None:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

        if self.dialect == "sqlite":
            await self._migrate_sqlite(upgrade)
            return
        async with self.write() as connection:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            await connection.run_sync(upgrade)

    async def _migrate_sqlite(self, upgrade: Callable[[sa.Connection], None]) -> None:
        """SQLite changes a column by copying the table: that deletes nothing, though it looks so."""
        engine = _sqlite_engine(self._engine.url, _on_sqlite_connect_to_migrate)
        try:
            async with engine.execution_options(**{_WRITES: True}).begin() as connection:
                await connection.run_sync(upgrade)
                broken = (await connection.execute(sa.text("PRAGMA foreign_key_check"))).first()
                if broken is not None:
                    raise RuntimeError(f"after the migration a row of {broken[0]!r} refers to nothing")
        except (DBAPIError, OSError) as error:
            raise _translated(error) from error
        finally:
            await engine.dispose()

    async def wipe(self) -> None:
        """Take what was deleted out of SQLite's file too, where it would lie until its place is needed. PostgreSQL
        does so by itself, when it vacuums."""
        path = self._engine.url.database
        if self._turn is not None and path:
            async with self._turn:
                await asyncio.to_thread(_wipe, path)

    async def check(self) -> None:
        """Readiness: raises Retryable("ledger_unavailable")."""
        async with self.read() as connection:
            await connection.execute(sa.text("SELECT 1"))

    async def close(self) -> None:
        """Finish the transactions under way and close all connections."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._engine.dispose()
        if self._looker is not None:
            self._looker.dispose()


def _wipe(path: str) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_MS / 1000)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        raise Retryable("ledger_unavailable", f"The database can't be wiped now: {error}") from error


def note_change(followed: str) -> None:
    """Within `transact`: wake those who follow this id once it is committed."""
    changed = _changed.get()
    if changed is not None:
        changed.add(followed)


def _translated(error: BaseException) -> BaseException:
    """`Retryable` for a database that is away or busy ("ledger_unavailable"), or that undid the transaction for
    another's sake ("conflict"); all else is a defect of ours."""
    if isinstance(error, DBAPIError) and not isinstance(error, (OperationalError, InterfaceError)):
        state = getattr(error.orig, "sqlstate", None) or ""
        if state.startswith(_UNDONE_STATE):
            return Retryable("conflict")
        if not error.connection_invalidated and not state.startswith(_TRANSIENT_STATES):
            return error
    return Retryable("ledger_unavailable", f"The database does not answer ({type(error).__name__}).")


def _sqlite_engine(url: sa.URL, on_connect: Callable[[DBAPIConnection, ConnectionPoolEntry], None]) -> AsyncEngine:
    arguments = {"timeout": _BUSY_MS / 1000, "async_creator_fn": connect}
    engine = create_async_engine(url, connect_args=arguments, hide_parameters=True)
    sa.event.listen(engine.sync_engine, "connect", on_connect)
    sa.event.listen(engine.sync_engine, "begin", _on_sqlite_begin)
    return engine


def _sqlite_looker(url: sa.URL) -> sa.Engine:
    """For `look`: it shares nothing with the other connections, and waits for none of them."""
    engine = sa.create_engine(
        url.set(drivername="sqlite"), poolclass=sa.StaticPool, connect_args={"timeout": 0}, hide_parameters=True
    )
    sa.event.listen(engine, "connect", _on_sqlite_connect_to_look)
    sa.event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect_to_look(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "query_only=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_sqlite_connect(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    _set_up_sqlite(connection, foreign_keys="ON")


def _on_sqlite_connect_to_migrate(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    _set_up_sqlite(connection, foreign_keys="OFF")


def _set_up_sqlite(connection: DBAPIConnection, *, foreign_keys: str) -> None:
    # Transactions are begun by us, below. Synchronous FULL, since a fact is acked once it is committed.
    connection.isolation_level = None
    cursor = connection.cursor()
    settings = ("journal_mode=WAL", "synchronous=FULL", f"foreign_keys={foreign_keys}", f"busy_timeout={_BUSY_MS}")
    for pragma in settings:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_sqlite_begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
