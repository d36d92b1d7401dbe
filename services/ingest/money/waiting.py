"""Runs that wait for money: found, and looked at again when some may be there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.database import Database
from services.ingest.money.budgets import Payer
from services.ingest.money.charges import overdue
from services.ingest.money.treasury import Treasury
from services.ingest.rows import lock_job
from services.ingest.tables import jobs, runs

BATCH = 200
"""Runs that a pass of the sweeper looks at."""


async def waiting_for_money(database: Database, owner: str, *, paused: bool = False) -> list[str]:
    """A user's jobs that wait for money, the oldest first. paused: those too that wait for a person's word."""
    query = sa.select(jobs.c.id).join(runs, _CURRENT).where(*_WAITING, jobs.c.owner == owner)
    if not paused:
        query = query.where(runs.c.paused_by.is_(None))
    async with database.read() as connection:
        return list((await connection.execute(query.order_by(jobs.c.id).limit(BATCH))).scalars())


class Waiting:
    """What the sweeper does for money: lets go of what nobody will tell any more, and looks at each run that waits:
    a month may have begun, a cap may be another one, and who was to look may have died.
    """

    def __init__(
        self,
        database: Database,
        treasury: Treasury,
        look_again: Callable[[str], Awaitable[bool]],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._treasury = treasury
        self._look_again = look_again
        self._clock = clock
        self._looked_at = ""

    async def sweep(self) -> None:
        """One pass. Raises Retryable("ledger_unavailable")."""
        now = self._clock()
        async with self._database.read() as connection:
            late = await overdue(connection, now)
        for payer in late:
            await self._database.transact(partial(self._release, payer, now))
        async with self._database.read() as connection:
            query = sa.select(jobs.c.id).join(runs, _CURRENT).where(*_WAITING, jobs.c.id > self._looked_at)
            found = list((await connection.execute(query.order_by(jobs.c.id).limit(BATCH))).scalars())
        for job_id in found:
            await self._look_again(job_id)
        self._looked_at = found[-1] if len(found) == BATCH else ""

    async def _release(self, payer: Payer, now: datetime, connection: AsyncConnection) -> None:
        await lock_job(self._database, connection, payer.job_id)
        await self._treasury.release(connection, payer, now)


_CURRENT = (runs.c.job_id == jobs.c.id) & (runs.c.run == jobs.c.run)
_WAITING = (runs.c.waits_for == "money", runs.c.ended_at.is_(None))
