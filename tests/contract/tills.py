"""A ledger in which clips cost money, and workers who say what they have cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.facts import Fact, FactBody, TaskAttemptFailed, Usage
from libs.contracts.jobs import JobOptions
from libs.contracts.messages import decode
from libs.contracts.tasks import Animate, Task
from libs.money.amounts import Micros, amount_of
from libs.money.prices import prices_of
from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.money.budgets import Caps
from services.ingest.money.estimates import estimate_task
from services.ingest.money.figures import Figures
from services.ingest.money.tables import budgets, charges
from services.ingest.money.treasury import Treasury
from services.ingest.money.waiting import Waiting
from services.ingest.webhooks.records import Standing
from tests.storyboards import shot
from tests.unit.ingest.story import blob, new_job, result

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def figures(now: datetime = NOW) -> Figures:
    """A GPU second costs a thousand millionths, and a second of clip takes ten of them."""
    return Figures(prices=prices_of("*=3.60"), at=now, first_s=10.0)


CEILING: Micros = estimate_task(
    Animate(shot=shot(1), analysis=blob("a"), fps="30", width=320, height=180), figures()
).cost
"""What the clip of a scene may cost."""
CLIP: Micros = CEILING + 5_000
"""What is reserved for it: a worker may overshoot by 5 GPU seconds."""


class Till:
    """Jobs of three scenes. All but the clips is done at once, and costs nothing."""

    def __init__(self, database: Database, *, caps: Caps | None = None, standing: Standing | None = None) -> None:
        self.now = NOW
        self.database = database
        self.treasury = Treasury(database, figures=self._figures, caps=caps, standing=standing)
        self.ledger = Ledger(database, clock=lambda: self.now, treasury=self.treasury)
        self.waiting = Waiting(database, self.treasury, self.ledger.look_again, lambda: self.now)

    async def _figures(self, connection: AsyncConnection, now: datetime) -> Figures:
        return figures(now)

    async def job(self, owner: str = "local", cap: Micros | None = None) -> str:
        """A new job that has come to its clips."""
        options = JobOptions(seed=7, budget_cap_usd=None if cap is None else amount_of(cap))
        order = msgspec.structs.replace(new_job(), owner=owner, options=options)
        job_id = (await self.ledger.accept(order)).job_id
        await self.work(job_id)
        return job_id

    async def work(self, job_id: str) -> None:
        """Do what costs nothing."""
        while free := [task for task in await self.open(job_id) if task.kind not in ("animate", "notify")]:
            for task in free:
                await self.tell(task, result(task.task))

    async def open(self, *job_ids: str) -> list[Task]:
        """Tasks that have no answer, of ended runs too, in order."""
        c = t.tasks.c
        query = sa.select(c.message).where(c.answered_at.is_(None)).order_by(c.job_id, c.run, c.seq)
        if job_ids:
            query = query.where(c.job_id.in_(job_ids))
        async with self.database.read() as connection:
            found = (await connection.execute(query)).scalars()
            return [decode(message.encode(), Task) for message in found]

    async def clips(self, *job_ids: str) -> list[Task]:
        """Clips that have no answer."""
        return [task for task in await self.open(*job_ids) if task.kind == "animate"]

    async def tell(self, task: Task, body: FactBody, cost: Micros = 0) -> Fact:
        """A worker's answer."""
        usage = Usage(cost=amount_of(cost), gpu_seconds=cost / 1000)
        fact = Fact(
            job_id=task.job_id,
            run=task.run,
            task=task.task,
            attempt=task.attempt,
            at=self.now,
            body=body,
            usage=usage,
        )
        await self.ledger.apply(fact)
        return fact

    async def done(self, task: Task, cost: Micros) -> Fact:
        """A clip is made."""
        return await self.tell(task, result(task.task), cost)

    async def failed(self, task: Task, cost: Micros, code: str = "unexpected") -> Fact:
        """A clip is not made."""
        retryable = code != "budget_exceeded"
        return await self.tell(task, TaskAttemptFailed(code=code, message="No.", retryable=retryable), cost)

    async def rows(self, table: sa.Table) -> Sequence[sa.Row[tuple[object, ...]]]:
        """All rows of a table."""
        async with self.database.read() as connection:
            return (await connection.execute(sa.select(table))).all()

    async def events(self, job_id: str, name: str) -> list[dict[str, object]]:
        """The data of a job's events of this name."""
        rows = await self.ledger.events(job_id, after=0)
        return [msgspec.json.decode(row.data) for row in rows if row.name == name]

    def later(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)

    async def check(self, *, exact: bool = True) -> None:
        """No sum exceeds its cap, and none has lost a millionth. exact: nothing has cost more than was reserved."""
        paid = (await self.rows(charges), await self.rows(budgets))
        for budget in paid[1]:
            mine = [row for row in paid[0] if _is_of(row, budget)]
            assert budget.spent == sum(row.spent or 0 for row in mine)
            assert budget.reserved == sum(
                max(row.reserved - (row.spent or 0), 0) for row in mine if row.settled_at is None
            )
            if exact and budget.cap is not None:
                assert budget.spent + budget.reserved <= budget.cap + budget.approved
        by_month = sum(row.spent for row in paid[1] if row.scope == "month")
        assert by_month == sum(row.spent or 0 for row in paid[0])


def _is_of(charge: sa.Row[tuple[object, ...]], budget: sa.Row[tuple[object, ...]]) -> bool:
    subject = {"job": charge.job_id, "project": charge.project_id, "month": charge.owner}.get(budget.scope)
    return bool(subject == budget.subject and budget.month in ("", charge.month))
