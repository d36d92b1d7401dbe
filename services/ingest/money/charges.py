"""Charges in the ledger: what is reserved for an attempt when it is ordered, and what it turned out to cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.facts import Fact, TaskAttemptFailed, Usage
from libs.money.amounts import Micros, micros_of
from services.ingest.database import Database
from services.ingest.decide import Order
from services.ingest.money.budgets import Payer, month_of
from services.ingest.money.tables import charges
from services.ingest.state import kind_of, scene_of
from services.ingest.tables import runs

LOST = "worker_lost"
"""Of an attempt that ended like this nobody knows the cost; what was reserved for it stays so for a while."""
HELD_AFTER_END = timedelta(minutes=30)
"""How long an attempt of an ended run may still tell what it has cost before its reservation is let go."""
LOST_HELD = timedelta(hours=1)
MOST = 10**15
"""The highest amount that is believed."""
BATCH = 200


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer changes in the sums of a month."""

    month: str
    spent: Micros = 0
    held: Micros = 0
    """Change of what is reserved; negative: it was let go."""

    @property
    def frees(self) -> bool:
        """Whether others can spend more now."""
        return self.held + self.spent < 0


def consumed(usage: Usage) -> bool:
    """Whether an attempt has used anything that a charge tells."""
    return bool(_amount(usage) or any(_consumed(usage).values()))


async def answer(connection: AsyncConnection, payer: Payer, fact: Fact, now: datetime) -> Moved | None:
    """Write down what an attempt has cost; None when it has cost nothing and nothing was set aside for it.

    To be called once for each fact. An attempt that answers twice has cost both.
    """
    row = (await connection.execute(sa.select(charges).where(*_is(fact)))).one_or_none()
    cost, more = _amount(fact.usage), _consumed(fact.usage)
    if row is None:
        if not consumed(fact.usage):
            return None
        month = month_of(now)
        found = _row(payer, fact.run, fact.task, fact.attempt, now) | more
        await connection.execute(sa.insert(charges).values(**found, reserved=0, spent=cost, settled_at=now))
        return Moved(month=month, spent=cost)
    settled_at = row.settled_at or (None if _is_lost(fact) else now)
    spent = (row.spent or 0) + cost
    values = {
        "spent": spent,
        "settled_at": settled_at,
        **{name: getattr(row, name) + value for name, value in more.items()},
    }
    await connection.execute(sa.update(charges).where(*_is(fact)).values(**values))
    held = _held(row.reserved, row.spent, row.settled_at)
    return Moved(month=row.month, spent=cost, held=_held(row.reserved, spent, settled_at) - held)


async def reserve(
    database: Database, connection: AsyncConnection, payer: Payer, orders: Iterable[Order], now: datetime
) -> Micros:
    """Set money aside for attempts that are ordered; how much. What has answered already needs none."""
    total = 0
    for order in orders:
        if order.price is not None:
            task = order.task
            row = _row(payer, task.run, task.task, task.attempt, now) | {"reserved": order.price.reserved}
            total += order.price.reserved * await database.insert_new(connection, charges, [row])
    return total


async def payer_of(database: Database, connection: AsyncConnection, fact: Fact) -> Payer | None:
    """Whose money is set aside for an attempt of which nothing was heard yet; None: nobody's. Its row is locked."""
    c = charges.c
    query = sa.select(c.owner, c.project_id, c.job_id).where(*_is(fact), c.settled_at.is_(None), c.spent.is_(None))
    if database.locks_rows:
        query = query.with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Payer(**row)


async def overdue(connection: AsyncConnection, now: datetime) -> list[Payer]:
    """Whose attempts won't tell any more what they have cost."""
    c = charges.c
    query = sa.select(c.owner, c.project_id, c.job_id).where(_overdue(now)).distinct().limit(BATCH)
    return [Payer(**row) for row in (await connection.execute(query)).mappings()]


async def let_go(connection: AsyncConnection, payer: Payer, now: datetime) -> Sequence[Moved]:
    """Let go of what is reserved for attempts of this job that won't tell any more."""
    c = charges.c
    rows = (await connection.execute(sa.select(charges).where(c.job_id == payer.job_id, _overdue(now)))).all()
    moved = []
    for row in rows:
        same = (c.job_id == row.job_id, c.run == row.run, c.task == row.task, c.attempt == row.attempt)
        query = sa.update(charges).where(*same, c.settled_at.is_(None))
        if (await connection.execute(query.values(spent=row.spent or 0, settled_at=now))).rowcount:
            moved.append(Moved(month=row.month, held=-_held(row.reserved, row.spent, None)))
    return moved


def _overdue(now: datetime) -> sa.ColumnElement[bool]:
    c = charges.c
    same = (runs.c.job_id == c.job_id) & (runs.c.run == c.run)
    alive = runs.c.ended_at.is_(None) | (runs.c.ended_at > now - HELD_AFTER_END)
    under_way = sa.select(runs.c.run).where(same, alive).exists()
    over = ~under_way & (c.at < now - HELD_AFTER_END)  # of a job that was deleted nobody knows when it ended
    return c.settled_at.is_(None) & (over | (c.spent.is_not(None) & (c.at < now - LOST_HELD)))


def _held(reserved: Micros, spent: Micros | None, settled_at: datetime | None) -> Micros:
    return 0 if settled_at is not None else max(reserved - (spent or 0), 0)


def _is_lost(fact: Fact) -> bool:
    return isinstance(fact.body, TaskAttemptFailed) and fact.body.code == LOST


def _amount(usage: Usage) -> Micros:
    return micros_of(min(max(usage.cost, 0.0), MOST / 1e6))


def _consumed(usage: Usage) -> dict[str, Any]:
    return {"gpu_seconds": usage.gpu_seconds, "tokens": usage.tokens, "characters": usage.characters}


def _row(payer: Payer, run: int, task: str, attempt: int, now: datetime) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(payer),
        "run": run,
        "task": task,
        "attempt": attempt,
        "kind": kind_of(task),
        "scene": scene_of(task),
        "month": month_of(now),
        "gpu_seconds": 0.0,
        "tokens": 0,
        "characters": 0,
        "at": now,
    }


def _is(fact: Fact) -> tuple[sa.ColumnElement[bool], ...]:
    c = charges.c
    return (c.job_id == fact.job_id, c.run == fact.run, c.task == fact.task, c.attempt == fact.attempt)
