"""What operators' routes work with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from libs.bus.asking import ask
from libs.bus.connection import Bus
from libs.bus.drains import Drains
from libs.contracts import subjects
from libs.contracts.pool import PoolReport
from services.ingest.database import Database
from services.ingest.operating.draining import Draining
from services.ingest.operating.intake import Intake
from services.ingest.operating.pool import PoolView, pool_view
from services.ingest.operating.queues import QueuesView, queues_view
from services.ingest.operating.upkeep import Upkeep


class Operations(NamedTuple):
    """The ledger and the bus as operators see them, and their switches."""

    database: Database
    bus: Bus
    clock: Callable[[], datetime]
    intake: Intake
    draining: Draining
    sweep: Upkeep
    retention: Upkeep

    @classmethod
    def over(
        cls, database: Database, bus: Bus, clock: Callable[[], datetime], *, sweep: Upkeep, retention: Upkeep
    ) -> Operations:
        """With switches of its own."""
        draining = Draining(database, Drains(bus), clock)
        return cls(database, bus, clock, Intake(database, clock), draining, sweep, retention)

    async def pool(self) -> PoolView:
        """The GPU servers, as their generators tell within a second. Raises Retryable: bus_unavailable,
        ledger_unavailable."""
        return pool_view(await ask(self.bus, subjects.POOL_QUESTION, PoolReport), await self.draining.servers())

    async def close(self) -> None:
        """End what operators have begun and what still runs."""
        await self.sweep.close()
        await self.retention.close()

    async def queues(self) -> QueuesView:
        """What waits. Raises Retryable("ledger_unavailable")."""
        return await queues_view(self.database, self.bus, self.clock())
