"""Work that a row stands for, done by one replica at a time: whoever claims it says now and then that they live."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.database import Database

LEASE = timedelta(seconds=60)
"""After so long without a word from its claimant, work is somebody else's to take."""


class Lost(Exception):
    """Somebody else has the work by now, or nobody wants it any more."""


class Claim:
    """A claim on one row. table: it has the columns id, status, claim and claimed_until."""

    def __init__(
        self, database: Database, table: sa.Table, row: sa.RowMapping, token: str, clock: Callable[[], datetime]
    ) -> None:
        self.row, self.token = row, token
        self._database, self._table, self._clock = database, table, clock
        self._renewed = clock()

    @property
    def id(self) -> str:
        """The row's."""
        return str(self.row["id"])

    async def beat(self) -> None:
        """Say that we live, if it is time to. To be called often. Raises Lost."""
        now = self._clock()
        if now - self._renewed > LEASE / 4:
            await self._database.transact(lambda connection: self.hold(connection, claimed_until=now + LEASE))
            self._renewed = now

    async def hold(self, connection: AsyncConnection, **values: object) -> None:
        """Write columns of the row, within a transaction that stands or falls with the claim. Raises Lost."""
        c = self._table.c
        query = sa.update(self._table).where(c.id == self.id, c.claim == self.token)
        if (await connection.execute(query.values(**(values or {"claim": self.token})))).rowcount != 1:
            raise Lost

    async def release(self, after: timedelta) -> None:
        """Leave it to whoever is free after a while."""
        until = self._clock() + after
        try:
            await self._database.transact(lambda connection: self.hold(connection, claimed_until=until))
        except Lost:
            return


async def claim(
    database: Database, table: sa.Table, statuses: Collection[str], clock: Callable[[], datetime]
) -> Claim | None:
    """The oldest row with one of these statuses that nobody works on; None when there is none."""
    c, token, now = table.c, secrets.token_hex(16), clock()
    free = sa.or_(c.claimed_until.is_(None), c.claimed_until < now)
    query = sa.select(table).where(c.status.in_(statuses), free).order_by(c.id).limit(1)
    locking = query.with_for_update(skip_locked=True) if database.locks_rows else query

    async def take(connection: AsyncConnection) -> sa.RowMapping | None:
        row = (await connection.execute(locking)).mappings().one_or_none()
        if row is not None:
            mine = sa.update(table).where(c.id == row["id"]).values(claim=token, claimed_until=now + LEASE)
            await connection.execute(mine)
        return row

    async with database.read() as connection:  # most looks find nothing, and need no writer's turn
        if (await connection.execute(query)).first() is None:
            return None
    row = await database.transact(take)
    return None if row is None else Claim(database, table, row, token, clock)
