"""More is allowed than a cap said: by whom, and what goes on then."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.announcements import BudgetScope
from libs.contracts.errors import Permanent
from libs.money.amounts import Micros, amount_of
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.money.budgets import Budget, month_of, read_month, set_month_cap
from services.ingest.money.waiting import waiting_for_money
from services.ingest.rows import load_run, lock_job
from services.ingest.tables import jobs, runs

log = logging.getLogger(__name__)

AT_ONCE = 50
"""Runs that are looked at before an approval is answered; the sweeper looks at the rest."""


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """A cap that was raised."""

    scope: BudgetScope
    by: Micros


class Approvals:
    """Raises caps. What is approved holds for this job, or for the month in which it is approved, and no longer."""

    def __init__(self, database: Database, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._ledger = ledger
        self._treasury = ledger.treasury
        self._clock = clock

    async def job(self, caller: Caller, job_id: str, amount: Micros | None) -> list[Raised]:
        """Let a job go on: raise the caps that it is paused by, each once, or else its own.

        amount: how much more; None: as much again as the cap, or what the next task needs. Raises Permanent:
        job_not_found, job_ended, no_cap, approval_by_operator, scope_missing.
        """
        raised = [await self._database.transact(lambda it: self._raise(it, caller, job_id, amount))]
        await self._ledger.look_again(job_id)
        while await self._paused_by(job_id) not in (None, *(one.scope for one in raised)):
            try:
                raised.append(await self._database.transact(lambda it: self._raise(it, caller, job_id, amount)))
            except Permanent as error:
                log.info("what was raised is not enough: %s", error)
                break
            await self._ledger.look_again(job_id)
        return raised

    async def month(self, caller: Caller, owner: str, amount: Micros | None) -> Budget:
        """Let a user spend more this month; how it stands then. amount: as for a job.

        Raises Permanent: no_cap, approval_by_operator, scope_missing.
        """
        self._check(caller)

        async def change(connection: AsyncConnection) -> Budget:
            now = self._clock()
            raised = await self._treasury.raise_month(connection, owner, amount, now)
            if raised is None:
                raise Permanent("no_cap")
            detail = {"month": raised.key.month, "approved": amount_of(raised.approved)}
            await note(connection, caller, "budget.approved", owner, now, scope="month", **detail)
            return raised

        raised = await self._database.transact(change)
        await self._go_on(owner)
        return raised

    async def standing(self, owner: str) -> Budget:
        """How a user's month stands."""
        async with self._database.read() as connection:
            return await read_month(connection, owner, month_of(self._clock()), self._treasury.caps)

    async def set_cap(self, caller: Caller, owner: str, cap: Micros | None) -> None:
        """Say what a user may spend in each month; None: as much as they like. For operators."""

        async def change(connection: AsyncConnection) -> None:
            await set_month_cap(self._database, connection, owner, cap)
            told = None if cap is None else amount_of(cap)
            await note(connection, caller, "budget.capped", owner, self._clock(), cap=told)

        await self._database.transact(change)
        await self._go_on(owner)

    async def _raise(
        self, connection: AsyncConnection, caller: Caller, job_id: str, amount: Micros | None
    ) -> Raised:
        now = self._clock()
        job = await lock_job(self._database, connection, job_id)
        state = None if job is None else await load_run(connection, job_id, job.run)
        if job is None or state is None:
            raise Permanent("job_not_found")
        if state.ending is not None:
            raise Permanent("job_ended")
        raised = await self._treasury.raise_cap(connection, job.project_id, state, amount, now)
        if raised is None:
            raise Permanent("no_cap")
        key, by = raised
        if key.scope == "month":
            self._check(caller)
        await note(
            connection, caller, "budget.approved", job_id, now, scope=key.scope, month=key.month, by=amount_of(by)
        )
        return Raised(scope=key.scope, by=by)

    async def _paused_by(self, job_id: str) -> str | None:
        """The cap that the job's current run is paused by."""
        this = (jobs.c.id == runs.c.job_id) & (jobs.c.run == runs.c.run)
        query = sa.select(runs.c.paused_by).join(jobs, this).where(jobs.c.id == job_id)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    def _check(self, caller: Caller) -> None:
        """Return when this caller may raise the cap of a month: a person does, no program of theirs."""
        if caller.is_operator:
            return
        if not self._treasury.users_approve:
            raise Permanent("approval_by_operator")
        if "account" not in caller.scopes:
            raise Permanent(
                "scope_missing", "The cap of a month is raised by a login: it needs the scope `account`."
            )

    async def _go_on(self, owner: str) -> None:
        for job_id in (await waiting_for_money(self._database, owner, paused=True))[:AT_ONCE]:
            await self._ledger.look_again(job_id)
