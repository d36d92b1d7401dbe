"""A ledger that is full: one job made by the real way, its rows copied by the database itself."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from tests.unit.ingest.story import TASKS, done, new_job

FIRST = 100_000_000


async def seed(database: Database, *, ended: int, queued: int, prefix: str) -> list[str]:
    """Put in so many jobs of each kind, each with its project, run, first task, event and, if it has ended, fact.

    prefix: one digit, for each call another. Returns ids of queued ones, a thousand at most.
    """
    ledger = Ledger(database)
    over = (await ledger.accept(new_job())).job_id
    for task in TASKS:
        await ledger.apply(done(task, job_id=over))
    waiting = (await ledger.accept(new_job())).job_id
    async with database.write() as connection:
        now = datetime.now(UTC)
        for task in (t.outbox, t.tasks):
            stamp = "sent_at" if task is t.outbox else "published_at"
            await connection.execute(sa.update(task).values({stamp: now}))
        await _copy(connection, over, f"00{prefix}e", ended)
        await _copy(connection, waiting, f"00{prefix}q", queued)
    async with database.write() as connection:
        await connection.execute(sa.text("ANALYZE"))
    return [f"00{prefix}q{FIRST + number}" for number in range(min(queued, 1000))]


async def _copy(connection: AsyncConnection, job_id: str, prefix: str, count: int) -> None:
    if not count:
        return
    project_id = (
        await connection.execute(sa.select(t.jobs.c.project_id).where(t.jobs.c.id == job_id))
    ).scalar_one()
    new = {job_id: prefix, project_id: f"{prefix}p"}
    for table, mine in (
        (t.projects, t.projects.c.id == project_id),
        (t.jobs, t.jobs.c.id == job_id),
        (t.runs, t.runs.c.job_id == job_id),
        (t.tasks, (t.tasks.c.job_id == job_id) & (t.tasks.c.task == "analyze")),
        (t.facts, (t.facts.c.job_id == job_id) & (t.facts.c.task == "analyze")),
        (t.events, (t.events.c.job_id == job_id) & (t.events.c.number == 1)),
    ):
        first = sa.select(sa.literal(FIRST, sa.Integer).label("i")).cte("numbers", recursive=True)
        numbers = first.union_all(sa.select(first.c.i + 1).where(first.c.i < FIRST + count - 1))
        columns = [column for column in table.columns if not (column.name == "id" and table is t.facts)]
        ids = {
            "id": new[project_id if table is t.projects else job_id],
            "job_id": new[job_id],
            "project_id": new[project_id],
        }
        values = [
            sa.literal(ids[column.name]) + sa.cast(numbers.c.i, sa.String)
            if column.name in ids
            else sa.type_coerce(column, sa.types.NullType())
            for column in columns
        ]
        rows = sa.select(*values).select_from(table.join(numbers, sa.true())).where(mine)
        await connection.execute(sa.insert(table).from_select([column.name for column in columns], rows))
