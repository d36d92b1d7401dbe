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
CHUNK = 20_000
"""Jobs in one transaction: SQLite reads slowly while a large one is in its log."""


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
        await connection.execute(sa.update(t.outbox).values(sent_at=now))
        await connection.execute(sa.update(t.tasks).values(published_at=now))
    await _copy(database, over, f"00{prefix}e", ended)
    await _copy(database, waiting, f"00{prefix}q", queued)
    if database.locks_rows:
        async with database.write() as connection:
            await connection.execute(sa.text("ANALYZE"))
    return [f"00{prefix}q{FIRST + number}" for number in range(min(queued, 1000))]


async def _copy(database: Database, job_id: str, prefix: str, count: int) -> None:
    for begin in range(0, count, CHUNK):
        async with database.write() as connection:
            await _copy_some(connection, job_id, prefix, FIRST + begin, FIRST + min(begin + CHUNK, count))


async def _copy_some(connection: AsyncConnection, job_id: str, prefix: str, begin: int, end: int) -> None:
    c = t.jobs.c
    project_id = (await connection.execute(sa.select(c.project_id).where(c.id == job_id))).scalar_one()
    job, project = prefix, f"{prefix}p"
    first = sa.select(sa.literal(begin, sa.Integer).label("i")).cte("numbers", recursive=True)
    numbers = first.union_all(sa.select(first.c.i + 1).where(first.c.i < end - 1))
    for table, mine in (
        (t.projects, t.projects.c.id == project_id),
        (t.jobs, t.jobs.c.id == job_id),
        (t.runs, t.runs.c.job_id == job_id),
        (t.tasks, (t.tasks.c.job_id == job_id) & (t.tasks.c.task == "analyze")),
        (t.facts, (t.facts.c.job_id == job_id) & (t.facts.c.task == "analyze")),
        (t.events, (t.events.c.job_id == job_id) & (t.events.c.number == 1)),
    ):
        ids = {"id": project if table is t.projects else job, "job_id": job, "project_id": project}
        columns = [column for column in table.columns if not (column.name == "id" and table is t.facts)]
        values = [
            sa.literal(ids[column.name]) + sa.cast(numbers.c.i, sa.String)
            if column.name in ids
            else sa.type_coerce(column, sa.types.NullType())
            for column in columns
        ]
        rows = sa.select(*values).select_from(table.join(numbers, sa.true())).where(mine)
        await connection.execute(sa.insert(table).from_select([column.name for column in columns], rows))
