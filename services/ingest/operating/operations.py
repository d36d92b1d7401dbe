"""What operators' routes work with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.bus.asking import ask
from libs.bus.connection import Bus
from libs.bus.drains import Drains
from libs.contracts import subjects
from libs.contracts.pool import PoolReport
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.accounts.accounts import Accounts
from services.ingest.database import Database
from services.ingest.operating.draining import Draining
from services.ingest.operating.intake import Intake
from services.ingest.operating.people import People
from services.ingest.operating.pool import PoolView, pool_view
from services.ingest.operating.queues import QueuesView, queues_view
from services.ingest.operating.upkeep import Upkeep


class Operations(NamedTuple):
    """The ledger and the bus as operators see them, and their switches. An async context manager: what they have
    begun, and still runs, ends with the block."""

    database: Database
    bus: Bus
    clock: Callable[[], datetime]
    intake: Intake
    draining: Draining
    sweep: Upkeep
    retention: Upkeep
    people: People

    @classmethod
    def over(
        cls,
        database: Database,
        bus: Bus,
        accounts: Accounts,
        clock: Callable[[], datetime],
        *,
        sweep: Upkeep,
        retention: Upkeep,
    ) -> Operations:
        """With switches of its own."""
        draining, people = Draining(database, Drains(bus), clock), People(database, accounts, clock)
        return cls(database, bus, clock, Intake(database, clock), draining, sweep, retention, people)

    async def note(self, caller: Caller, action: str) -> None:
        """Put into the audit log what changes nothing in the ledger by itself."""

        async def change(connection: AsyncConnection) -> None:
            await note(connection, caller, action, "", self.clock())

        await self.database.transact(change)

    async def pool(self) -> PoolView:
        """The GPU servers, as their generators tell within a second. Raises Retryable: bus_unavailable,
        ledger_unavailable."""
        return pool_view(await ask(self.bus, subjects.POOL_QUESTION, PoolReport), await self.draining.servers())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.sweep.close()
        await self.retention.close()

    async def queues(self) -> QueuesView:
        """What waits. Raises Retryable("ledger_unavailable")."""
        return await queues_view(self.database, self.bus, self.clock())
