"""Whether new orders are taken. What runs goes on while they are not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Retryable
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.database import Database
from services.ingest.operating.tables import pauses

_ROW = "intake"


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Why and since when no orders are taken."""

    paused_at: datetime
    paused_by: str
    reason: str
    retry_after: int
    """Seconds after which it is worth to ask again."""


class Intake:
    """The switch. Raises `Retryable("ledger_unavailable")`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def paused(self) -> Pause | None:
        """The pause; None while orders are taken."""
        async with self._database.read() as connection:
            return await _pause(connection)

    async def refuse(self) -> None:
        """Raises Retryable("intake_paused") while none are taken."""
        async with self._database.read() as connection:
            await refuse_paused(connection)

    async def pause(self, caller: Caller, reason: str, retry_after: int) -> Pause:
        """Take no orders from now on. Of one that is paused already, the words change."""
        found = Pause(paused_at=self._clock(), paused_by=caller.owner, reason=reason, retry_after=retry_after)

        async def change(connection: AsyncConnection) -> Pause:
            standing = await _pause(connection)
            row = found if standing is None else msgspec.structs.replace(found, paused_at=standing.paused_at)
            await connection.execute(sa.delete(pauses))
            await self._database.insert_new(connection, pauses, [{"id": _ROW, **msgspec.structs.asdict(row)}])
            await note(connection, caller, "intake.paused", _ROW, found.paused_at, retry_after=retry_after)
            return row

        return await self._database.transact(change)

    async def resume(self, caller: Caller) -> None:
        """Take orders again. Nothing where they are taken."""

        async def change(connection: AsyncConnection) -> None:
            if (await connection.execute(sa.delete(pauses))).rowcount:
                await note(connection, caller, "intake.resumed", _ROW, self._clock())

        await self._database.transact(change)


async def refuse_paused(connection: AsyncConnection) -> None:
    """Raises Retryable("intake_paused") while no orders are taken."""
    pause = await _pause(connection)
    if pause is not None:
        raise Retryable("intake_paused", pause.reason, after=pause.retry_after)


async def _pause(connection: AsyncConnection) -> Pause | None:
    c = pauses.c
    row = (
        (await connection.execute(sa.select(c.paused_at, c.paused_by, c.reason, c.retry_after))).mappings().first()
    )
    return None if row is None else Pause(**row)
