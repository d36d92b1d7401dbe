"""Connections to SQLite that wake their thread once for each statement.

aiosqlite gives every step of a cursor to its thread: made, executed, fetched, closed. Four wakes of a thread cost
more than most of our statements do. Here the thread does all four at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any

from aiosqlite import Connection


class WholeCursor:
    """What SQLAlchemy asks of an asynchronous cursor. Rows are fetched with the statement."""

    arraysize = 1

    def __init__(self, connection: WholeConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> WholeCursor:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> WholeCursor:
        """Run one statement."""
        return await self._run(lambda cursor: cursor.execute(statement, parameters))

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> WholeCursor:
        """Run one statement for each row of parameters."""
        return await self._run(lambda cursor: cursor.executemany(statement, parameters))

    async def fetchall(self) -> list[Any]:
        """The rows of the last statement."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """It holds nothing."""

    async def _run(self, run: Any) -> WholeCursor:
        await self._connection.in_thread(self._at_once, run)
        return self

    def _at_once(self, run: Any) -> None:
        cursor = self._connection.plain.cursor()
        try:
            run(cursor)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else []
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


class WholeConnection(Connection):
    """An aiosqlite connection with such cursors."""

    def cursor(self) -> Any:
        """A cursor; it is made in the thread with its first statement."""
        return WholeCursor(self)

    @property
    def plain(self) -> sqlite3.Connection:
        """What the thread works with."""
        return self._conn

    async def in_thread(self, function: Any, *args: Any) -> Any:
        """What the function returns, called in the connection's thread."""
        execute: Any = self._execute
        return await execute(function, *args)


def connect(database: str, **options: Any) -> WholeConnection:
    """A connection that is opened when it is awaited. options: of `sqlite3.connect`."""
    connection = WholeConnection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True
    return connection
