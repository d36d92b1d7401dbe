"""GPU servers that get no new work. The ledger says which; generators read it in the bus's bucket.

It is written there with each change, and by a loop, so that neither a bus that was away nor a bucket that was lost
lets work go to a server that an operator has under their hands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.bus.drains import Drains
from libs.bus.records import Outrun
from libs.contracts.errors import Permanent, Retryable
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.database import Database
from services.ingest.operating.tables import drained

EVERY_S = 30.0
ANEW_S = 86_400.0
"""How often the record is written although it is as it should be: it has a lifetime."""

log = logging.getLogger(__name__)


class DrainedServer(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    server: str
    """Host and port."""
    drained_at: datetime
    drained_by: str


class Draining:
    """The list. Raises `Retryable("ledger_unavailable")`."""

    def __init__(self, database: Database, drains: Drains, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._drains = drains
        self._clock = clock

    async def servers(self) -> list[DrainedServer]:
        """All of them, by name."""
        async with self._database.read() as connection:
            rows = await connection.execute(sa.select(drained).order_by(drained.c.server))
            return [DrainedServer(**row) for row in rows.mappings()]

    async def drain(self, caller: Caller, server: str) -> bool:
        """Give it no new work. False: the bus is away, and generators hear of it once it is back."""
        now = self._clock()

        async def change(connection: AsyncConnection) -> None:
            row = {"server": server, "drained_at": now, "drained_by": caller.owner}
            if await self._database.insert_new(connection, drained, [row]):
                await note(connection, caller, "server.drained", server, now)

        await self._database.transact(change)
        return await self._told()

    async def undrain(self, caller: Caller, server: str) -> bool:
        """Give it work again. As `drain`; raises Permanent("server_not_drained")."""

        async def change(connection: AsyncConnection) -> None:
            gone = await connection.execute(sa.delete(drained).where(drained.c.server == server))
            if not gone.rowcount:
                raise Permanent("server_not_drained")
            await note(connection, caller, "server.undrained", server, self._clock())

        await self._database.transact(change)
        return await self._told()

    async def run(self) -> None:
        """See to it for ever that generators read what the ledger says. Ends only by an error that is a defect."""
        written_at: float | None = None
        while True:
            now = asyncio.get_running_loop().time()
            due = written_at is None or now - written_at > ANEW_S
            try:
                if due or await self._drains.read() != await self._names():
                    await self._drains.write(self._names)
                    written_at = now
            except (Retryable, Outrun) as error:
                log.warning("generators can't be told which servers are drained: %s", error)
            await asyncio.sleep(EVERY_S)

    async def _told(self) -> bool:
        try:
            await self._drains.write(self._names)
        except (Retryable, Outrun) as error:
            log.warning("generators can't be told which servers are drained: %s", error)
            return False
        return True

    async def _names(self) -> frozenset[str]:
        return frozenset(one.server for one in await self.servers())
