"""Deliveries, for those who look what became of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from services.ingest.database import Database
from services.ingest.webhooks.records import Attempt, Delivery, Status
from services.ingest.webhooks.rows import SETTINGS_TASK
from services.ingest.webhooks.tables import deliveries, delivery_attempts

Told = tuple[Delivery, list[Attempt]]
"""A delivery and its tries, the oldest first."""

_SHOWN = [deliveries.c[name] for name in Delivery.__struct_fields__]


class Deliveries:
    """All deliveries of all owners; each method looks at those of one. Sending again is the ledger's.

    standing_shown: whether they see those to the endpoint of the settings, which is none of a user's.
    """

    def __init__(self, database: Database, *, standing_shown: bool = True) -> None:
        self._database = database
        self._shown = sa.true() if standing_shown else deliveries.c.task != SETTINGS_TASK

    async def get(self, owner: str, delivery_id: str) -> Told:
        """One with its tries. Raises Permanent("delivery_not_found")."""
        c = deliveries.c
        query = sa.select(*_SHOWN).where(c.owner == owner, c.id == delivery_id, self._shown)
        async with self._database.read() as connection:
            found = await _told(connection, query)
        if not found:
            raise Permanent("delivery_not_found")
        return found[0]

    async def page(
        self,
        owner: str,
        *,
        limit: int,
        before: str = "",
        endpoint: str = "",
        job: str = "",
        status: Status | None = None,
    ) -> list[Told]:
        """The newest first; `before` is the last id of the page before."""
        c = deliveries.c
        query = sa.select(*_SHOWN).where(c.owner == owner, self._shown).order_by(c.id.desc()).limit(limit)
        if before:
            query = query.where(c.id < before)
        if endpoint:
            query = query.where(c.endpoint_id == endpoint)
        if job:
            query = query.where(c.job_id == job)
        if status is not None:
            query = query.where(c.status == status)
        async with self._database.read() as connection:
            return await _told(connection, query)


async def _told(connection: AsyncConnection, query: sa.Select[tuple[object, ...]]) -> list[Told]:
    found = [Delivery(**row) for row in (await connection.execute(query)).mappings()]
    tries = await _tries(connection, [delivery.id for delivery in found])
    return [(delivery, tries[delivery.id]) for delivery in found]


async def _tries(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, list[Attempt]]:
    c = delivery_attempts.c
    query = sa.select(delivery_attempts).where(c.delivery_id.in_(ids)).order_by(c.attempt)
    tries: dict[str, list[Attempt]] = defaultdict(list)
    for row in (await connection.execute(query)).mappings():
        tries[row["delivery_id"]].append(Attempt(**{name: row[name] for name in Attempt.__struct_fields__}))
    return tries
