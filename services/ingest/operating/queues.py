"""What is waited for: tasks in the queues of the bus, tasks that the ledger has no answer to, the outbox."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.bus.connection import Bus
from libs.bus.queues import Lane, lanes
from libs.contracts.errors import Retryable
from libs.contracts.tasks import TASK_KINDS
from services.ingest import tables as t
from services.ingest.columns import Moment
from services.ingest.database import Database


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks of a kind that were ordered by runs that go on, and not answered."""

    kind: str
    count: int
    oldest_at: datetime | None
    """When the oldest was ordered."""


class OutboxView(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that are committed and not yet published."""

    waiting: int
    oldest_at: datetime | None
    """Since when the oldest could have been."""


class QueuesView(msgspec.Struct, frozen=True, kw_only=True):
    """Depth and age of everything that waits."""

    lanes: tuple[Lane, ...] | None
    """In the bus, by kind and priority; null: the bus doesn't answer."""
    open: tuple[Open, ...]
    """In the ledger, by kind: those that wait, those in work, those to be tried again later."""
    outbox: OutboxView
    running_jobs: int
    waiting_jobs: int
    """Of the running ones, how many wait for a turn or for money."""


async def queues_view(database: Database, bus: Bus, now: datetime) -> QueuesView:
    """As they are now. Raises Retryable("ledger_unavailable")."""
    try:
        in_bus = tuple(await lanes(bus))
    except Retryable:
        in_bus = None
    async with database.read() as connection:
        running, waiting = await _runs(connection)
        return QueuesView(
            lanes=in_bus,
            open=await _open(connection),
            outbox=await _outbox(connection, now),
            running_jobs=running,
            waiting_jobs=waiting,
        )


async def _open(connection: AsyncConnection) -> tuple[Open, ...]:
    c = t.tasks.c
    query = (
        sa.select(c.kind, sa.func.count().label("many"), sa.func.min(c.ordered_at, type_=Moment()).label("oldest"))
        .join(t.runs, (t.runs.c.job_id == c.job_id) & (t.runs.c.run == c.run))
        .where(c.answered_at.is_(None), t.runs.c.ended_at.is_(None))
        .group_by(c.kind)
    )
    found = {row.kind: row for row in await connection.execute(query)}
    return tuple(
        Open(kind=kind, count=found[kind].many, oldest_at=found[kind].oldest)
        if kind in found
        else Open(kind=kind, count=0, oldest_at=None)
        for kind in TASK_KINDS
    )


async def _outbox(connection: AsyncConnection, now: datetime) -> OutboxView:
    c = t.outbox.c
    query = sa.select(sa.func.count(), sa.func.min(c.not_before, type_=Moment()))
    row = (await connection.execute(query.where(c.sent_at.is_(None), c.not_before <= now))).one()
    return OutboxView(waiting=row[0], oldest_at=row[1])


async def _runs(connection: AsyncConnection) -> tuple[int, int]:
    c = t.runs.c
    query = sa.select(sa.func.count(), sa.func.count().filter(c.waits_for != "")).where(c.ended_at.is_(None))
    row = (await connection.execute(query)).one()
    return row[0], row[1]
