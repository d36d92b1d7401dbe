"""The ledger: one transaction around `apply` and `decide`. What is read out of it, `reading.py` has."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import BudgetExceeded, Permanent, Retryable
from libs.contracts.facts import Fact, SourceFetched
from libs.contracts.jobs import State
from libs.contracts.tasks import RUN_INDEPENDENT
from libs.money.amounts import amount_of
from libs.money.prices import Prices
from libs.telemetry.metrics import LedgerMetrics
from services.ingest import tables as t
from services.ingest.access.audit import note
from services.ingest.access.callers import MACHINE, Caller
from services.ingest.apply import apply
from services.ingest.brief import Brief
from services.ingest.database import Database
from services.ingest.decide import Decision, cancel, notify_again, refuse, settle, supersede
from services.ingest.idempotency import Key, claim_key, find_key
from services.ingest.ids import new_id
from services.ingest.keeping.quota import UNLIMITED, Quota
from services.ingest.keeping.references import note_use, refer, refuse_gone
from services.ingest.line import TURN, Line
from services.ingest.money.learning import Learning
from services.ingest.money.quoting import Quote, cap_of, quote, refuse_fetched, refuse_too_dear
from services.ingest.money.treasury import Treasury
from services.ingest.money.waiting import waiting_for_money
from services.ingest.new_jobs import insert_job
from services.ingest.operating.intake import refuse_paused
from services.ingest.projects.board import refuse_outdated
from services.ingest.reading import Reader
from services.ingest.records import Accepted, DeadRow, EventRow, JobSnapshot, NewJob
from services.ingest.rows import (
    Change,
    JobRow,
    insert_fact,
    load_run,
    lock_job,
    write_change,
)
from services.ingest.state import RunState
from services.ingest.turns import Caps, Waiting, rank_of
from services.ingest.webhooks.announce import note_answer
from services.ingest.webhooks.records import Delivery, Standing
from services.ingest.webhooks.rows import open_again, open_deliveries

__all__ = ["Accepted", "DeadRow", "EventRow", "JobSnapshot", "Ledger", "NewJob", "new_id"]

log = logging.getLogger(__name__)

LONGEST_KEY = 128
"""Characters of a task's key; a fact with a longer one is none of ours."""


def utc_now() -> datetime:
    """The time, with its offset."""
    return datetime.now(UTC)


class _Applied(NamedTuple):
    """What has become of a fact."""

    outcome: str
    room: bool = False
    """Whether another run can begin now."""
    frees: str | None = None
    """Whose runs may find money now that was reserved before."""


class Ledger(Reader):
    """The one owner of the database. Every method raises `Retryable("ledger_unavailable")` when it is away.

    on_commit: called with the job's id after each commit that changed something; must not raise. What it does
    is only a matter of speed: the outbox and the streams poll as well.
    standing: the endpoint of the settings, which is told of the end of every job.
    line: how much is done at once; None: all of it. on_order: called once with each new job, at the end of its
    transaction; what it raises refuses the order. treasury: what things cost; None: nothing costs anything.
    learning: what is learned of how much work takes, with prices; None: without. quota: how much space one
    user's files may take.
    """

    def __init__(
        self,
        database: Database,
        *,
        on_commit: Callable[[str], Awaitable[None]] | None = None,
        metrics: LedgerMetrics | None = None,
        clock: Callable[[], datetime] = utc_now,
        standing: Standing | None = None,
        line: Line | None = None,
        on_order: Callable[[NewJob], Awaitable[None]] | None = None,
        treasury: Treasury | None = None,
        learning: Learning | None = None,
        quota: Quota = UNLIMITED,
    ) -> None:
        super().__init__(database)
        self.treasury = treasury or Treasury(database)
        self.learning = learning or Learning(database, Prices())
        self._line = line or Line(database, Caps())
        self._on_order = on_order
        self._quota = quota
        self._standing = standing
        self._on_commit = on_commit
        self._metrics = metrics
        self._clock = clock

    # What changes a job.

    async def accept(
        self,
        order: NewJob,
        *,
        by: Caller = MACHINE,
        key: str = "",
        body_digest: str = "",
        first: Callable[[AsyncConnection], Awaitable[None]] | None = None,
    ) -> Accepted:
        """Open a job. `key` is the client's idempotency key (kept 24 h, by owner), `body_digest` its body's digest.

        by: who orders, for the audit log, which has what may cost something.
        first: done in the same transaction, unless the key finds a job; what it raises refuses the order.
        Raises `Permanent("idempotency_conflict")` when the key was used with another digest, BudgetExceeded for an
        order that will cost more than it may, and `Retryable("intake_paused")`.
        """
        job_id, counted = new_id(), False

        async def change(connection: AsyncConnection) -> Accepted:
            nonlocal counted
            now = self._clock()
            if key:
                claim = Key(order.owner, key, body_digest)
                known = await claim_key(self._database, connection, claim, job_id, now)
                if known is not None:
                    return known
            await refuse_paused(connection)
            figures = await self.learning.figures(connection, now)
            if figures is not None:
                refuse_too_dear(order, figures, self.treasury.caps.job)
                estimate = amount_of(quote(order, figures).total.cost)
                await note(connection, by, "job.ordered", job_id, now, kind=order.kind, estimate=estimate)
            await self._line.enter(connection)
            if first is not None:
                await first(connection)
            await insert_job(connection, order, job_id, now)
            job = await lock_job(self._database, connection, job_id)
            assert job is not None
            brief = Brief(
                job_id=job_id,
                owner=order.owner,
                kind=order.kind,
                options=order.options,
                given=order.given,
                song=order.song,
                lyrics=order.lyrics,
                image=order.image,
                duration=order.duration,
                notices=order.notices,
            )
            await refuse_gone(connection, job.project_id, brief.uploads, now)
            await self._quota.hold(self._database, connection, order.owner)
            await refer(self._database, connection, job.project_id, brief, now)
            await self._quota.check(connection, order.owner, now)
            await self._open_run(connection, job, brief, 1, now)
            if self._on_order is not None and not counted:
                await self._on_order(order)
                counted = True
            return Accepted(job_id=job_id, created=True)

        accepted = await self._database.transact(change)
        if accepted.created:
            await self._committed(job_id)
        return accepted

    async def accepted_before(self, owner: str, key: str, body_digest: str) -> Accepted | None:
        """The job that an idempotency key stands for, before any work on the upload. Raises as `accept` does."""
        async with self._database.read() as connection:
            return await find_key(connection, Key(owner, key, body_digest), self._clock())

    async def apply(self, fact: Fact) -> None:
        """Take a fact in. When this returns, all that it calls for is committed.

        Facts of jobs and runs that are not in the ledger change nothing.
        """

        async def change(connection: AsyncConnection) -> _Applied:
            now = self._clock()
            job = await lock_job(self._database, connection, fact.job_id)
            before = None if job is None else await load_run(connection, fact.job_id, fact.run)
            if job is None and await note_answer(self._database, connection, fact, now):
                return _Applied("applied")
            if job is None:
                return _Applied("stale", frees=await self.treasury.answer_late(connection, fact, now))
            if before is None or len(fact.task) > LONGEST_KEY:
                return _Applied("stale")
            if not await insert_fact(self._database, connection, fact, now):
                return _Applied("duplicate")
            change = await self._settle(connection, job, before, apply(before, fact), now, fact=fact)
            await write_change(self._database, connection, job, change, now)
            await self.learning.learn(connection, change.after, fact)
            return _Applied(
                "applied" if fact.run == job.run else "stale",
                room=self._count_end(before, change.after),
                frees=job.owner if change.frees else None,
            )

        applied = await self._database.transact(change)
        if self._metrics is not None:
            self._metrics.fact(fact.name, applied.outcome)
        if applied.outcome != "duplicate":
            await self._committed(fact.job_id, room=applied.room)
        if applied.frees is not None:
            await self.spend(applied.frees)

    async def look_again(self, job_id: str) -> bool:
        """Decide anew for the current run: what it waited for may be there. Whether that changed anything."""

        async def change(connection: AsyncConnection) -> tuple[bool, bool]:
            now = self._clock()
            job = await lock_job(self._database, connection, job_id)
            before = None if job is None else await load_run(connection, job_id, job.run)
            if job is None or before is None:
                return False, False
            change = await self._settle(connection, job, before, before, now)
            after = change.after
            if (after.waits_for, after.paused) == (before.waits_for, before.paused) and not change.decided:
                return False, False
            await write_change(self._database, connection, job, change, now)
            return True, self._count_end(before, after)

        changed, room = await self._database.transact(change)
        if changed:
            await self._committed(job_id, room=room)
        return changed

    async def spend(self, owner: str) -> None:
        """Let a user's runs go on that wait for money which was reserved by others, as far as it goes."""
        try:
            for job_id in await waiting_for_money(self._database, owner):
                if not await self.look_again(job_id):
                    break
        except Retryable as error:
            log.warning("what waits for money waits for the sweep: %s", error)

    async def let_in(self) -> int:
        """Let those runs go on whose turn it is; how many. Each in a transaction of its own."""
        count = 0
        if await self._line.anybody():
            while (job_id := await self._database.transact(self._let_next_in)) is not None:
                count += 1
                await self._committed(job_id)
        return count

    async def cancel(self, job_id: str) -> None:
        """End the current run. Raises `Permanent` job_not_found or job_ended."""

        async def change(connection: AsyncConnection) -> bool:
            now = self._clock()
            job, state = await self._current(connection, job_id)
            if state.ending is not None:
                raise Permanent("job_ended")
            change = await self._settle(connection, job, state, state, now, first=cancel(state, now))
            await write_change(self._database, connection, job, change, now)
            return self._count_end(state, change.after)

        room = await self._database.transact(change)
        await self._committed(job_id, room=room)

    async def retry(self, job_id: str, by: Caller = MACHINE) -> int:
        """Open the next run of an ended job; its number.

        Raises `Permanent`: job_not_found, job_running; project_busy, job_outdated when it would mix songs or undo
        what people have edited since; and `Retryable("intake_paused")`.
        """

        async def change(connection: AsyncConnection) -> int:
            await refuse_paused(connection)
            await self._line.enter(connection)
            run = await self._next_run(connection, job_id)
            if self.learning.prices:
                await note(connection, by, "job.retried", job_id, self._clock(), run=run)
            return run

        run = await self._database.transact(change)
        await self._committed(job_id)
        return run

    async def replay(self, letter_id: str, by: Caller = MACHINE) -> int:
        """Do it again: a new run, or for a notify task a new attempt of it. Returns the run. Raises as `retry`."""
        letter = await self.dead_letter(letter_id)

        async def change(connection: AsyncConnection) -> int:
            now = self._clock()
            await self._line.enter(connection)
            job, _ = await self._current(connection, letter.job_id)
            await self._close_letter(connection, letter_id, "replay", by, now)
            if letter.kind not in RUN_INDEPENDENT:
                return await self._next_run(connection, letter.job_id)
            await self._tell_again(connection, job, letter.run, letter.task, now)
            return letter.run

        run = await self._database.transact(change)
        await self._committed(letter.job_id)
        return run

    async def redeliver(self, delivery: Delivery) -> None:
        """Send a webhook again, with the same id and new tries.

        Raises `Permanent`: endpoint_inactive when its endpoint is off or gone, conflict for a test.
        """
        job_id, run = delivery.job_id, delivery.run
        if job_id is None or run is None:
            raise Permanent("conflict", "Only what tells of a run's end is sent again.")

        async def change(connection: AsyncConnection) -> None:
            job, _ = await self._current(connection, job_id)
            await self._tell_again(connection, job, run, delivery.task, self._clock())

        await self._database.transact(change)
        await self._committed(job_id)

    async def drop(self, letter_id: str, by: Caller = MACHINE) -> None:
        """Take it off the list. Raises `Permanent("dead_letter_not_found")`."""
        await self._database.transact(
            lambda connection: self._close_letter(connection, letter_id, "drop", by, self._clock())
        )

    # What is read.

    async def quote(self, order: NewJob) -> Quote:
        """What an order would take, and may."""
        async with self._database.read() as connection:
            figures = await self.learning.known(connection, self._clock())
        return Quote(estimate=quote(order, figures), cap=cap_of(order, self.treasury.caps.job))

    async def place(self, snapshot: JobSnapshot) -> int | None:
        """Its place in the line, where it waits for its turn: 1 is next."""
        return await self._line.place(snapshot.job_id) if snapshot.waits_for == TURN else None

    # How.

    async def _committed(self, job_id: str, *, room: bool = False) -> None:
        """Say so. room: what was committed has made room for a run that waits for its turn."""
        if self._on_commit is not None:
            await self._on_commit(job_id)
        if not room:
            return
        try:
            await self.let_in()
        except Retryable as error:
            log.warning("whose turn it is waits for the sweep: %s", error)

    async def _let_next_in(self, connection: AsyncConnection) -> str | None:
        """The job that goes on now; None: nobody's turn has come."""
        await self._line.enter(connection)
        turn = await self._line.next(connection)
        if turn is None:
            return None
        now = self._clock()
        job = await lock_job(self._database, connection, turn.job_id)
        before = await load_run(connection, turn.job_id, turn.run)
        if job is None or before is None or before.waits_for != TURN:
            return turn.job_id  # it has ended since the line was read
        admitted = msgspec.structs.replace(before, admitted=True)
        change = await self._settle(connection, job, before, admitted, now)
        await write_change(self._database, connection, job, change, now)
        self._count_end(before, change.after)
        return turn.job_id

    async def _current(self, connection: AsyncConnection, job_id: str) -> tuple[JobRow, RunState]:
        job = await lock_job(self._database, connection, job_id)
        state = None if job is None else await load_run(connection, job_id, job.run)
        if job is None or state is None:
            raise Permanent("job_not_found")
        return job, state

    async def _next_run(self, connection: AsyncConnection, job_id: str) -> int:
        job, state = await self._current(connection, job_id)
        if state.ending is None:
            raise Permanent("job_running")
        await refuse_outdated(connection, job.project_id, state.brief)
        now, run = self._clock(), job.run + 1
        await note_use(connection, job.project_id, now)  # and so wait for who lets go of its files just now
        await refuse_gone(connection, job.project_id, state.brief.uploads, now)
        await refer(self._database, connection, job.project_id, state.brief, now)
        job = msgspec.structs.replace(job, run=run)
        await self._open_run(connection, job, state.brief, run, now, first=supersede(state, now))
        return run

    async def _open_run(
        self,
        connection: AsyncConnection,
        job: JobRow,
        brief: Brief,
        run: int,
        now: datetime,
        *,
        first: list[Decision] | None = None,
    ) -> None:
        """Put a run in, with its first tasks if its turn is now. `first`: what has to be said besides."""
        rank = rank_of(brief.kind, brief.options.priority)
        turn = Waiting(job_id=job.id, run=run, owner=brief.owner, rank=rank, since=now)
        admitted = await self._line.lets_in(connection, turn)
        await note_use(connection, job.project_id, now)
        values = {"job_id": job.id, "run": run, "state": State.QUEUED.value, "created_at": now, "rank": rank}
        await connection.execute(sa.insert(t.runs).values(**values, notices=(), scenes_total=0, scenes_done=0))
        state = RunState(brief=brief, run=run, opened_at=now, admitted=admitted)
        change = await self._settle(connection, job, None, state, now)
        change = msgspec.structs.replace(change, decided=[*(first or []), *change.decided])
        await write_change(self._database, connection, job, change, now)

    async def _settle(
        self,
        connection: AsyncConnection,
        job: JobRow,
        before: RunState | None,
        state: RunState,
        now: datetime,
        *,
        first: list[Decision] | None = None,
        fact: Fact | None = None,
    ) -> Change:
        """`settle` with what there is money for; when that ends the run, open a delivery to each who is told, and
        go on. fact: what was heard just now; `state` has it already."""
        share = await self._line.clips(connection, state.brief.owner)
        state = msgspec.structs.replace(state, clips_at_once=share)
        if first is None and fact is not None and isinstance(fact.body, SourceFetched) and state.ending is None:
            first = await self._refusal(connection, state, now)
        settled = await self.treasury.settle(connection, job.project_id, state, now, first=first, fact=fact)
        after, decided = settled.after, settled.decided
        told = await self.treasury.book(connection, job.project_id, before, settled, now)
        if state.ending is None and after.ending is not None:
            targets = await open_deliveries(connection, after, self._standing, now)
            after, more = settle(msgspec.structs.replace(after, targets=targets), now)
            decided = [*decided, *more]
        taken = (fact,) if fact is not None else ()
        frees = settled.moved is not None and settled.moved.frees
        return Change(before=before, after=after, taken=taken, decided=decided, told=told, frees=frees)

    async def _refusal(self, connection: AsyncConnection, state: RunState, now: datetime) -> list[Decision] | None:
        """The end of a run whose song, now that its length is known, would cost more than it may."""
        figures = await self.learning.figures(connection, now)
        if figures is None:
            return None
        try:
            refuse_fetched(state.order, figures, self.treasury.caps.job)
        except BudgetExceeded as error:
            return refuse(state, error, now)
        return None

    async def _tell_again(
        self, connection: AsyncConnection, job: JobRow, run: int, key: str, now: datetime
    ) -> None:
        c = t.dead_letters.c
        letters = sa.update(t.dead_letters).where(c.job_id == job.id, c.run == run, c.task == key)
        await connection.execute(letters.where(c.closed_at.is_(None)).values(closed_at=now, closed_by="redeliver"))
        await open_again(connection, job.id, run, key)
        state = await load_run(connection, job.id, run)
        assert state is not None
        again = notify_again(state, now, key)
        if not again:
            raise Permanent("endpoint_inactive")
        after, decided = settle(state, now, again)
        change = Change(before=state, after=after, decided=decided)
        await write_change(self._database, connection, job, change, now)

    async def _close_letter(
        self, connection: AsyncConnection, letter_id: str, how: str, by: Caller, now: datetime
    ) -> None:
        c = t.dead_letters.c
        query = sa.update(t.dead_letters).where(c.id == letter_id, c.closed_at.is_(None))
        if (await connection.execute(query.values(closed_at=now, closed_by=how))).rowcount != 1:
            raise Permanent("dead_letter_not_found")
        job_id, _, rest = letter_id.partition("/")
        await note(connection, by, f"dead_letter.{how}", job_id, now, letter=rest)

    def _count_end(self, before: RunState, after: RunState) -> bool:
        """Count it, if it is one. Whether there is room for another run once it is committed."""
        if self._metrics is not None and before.ending is None and after.ending is not None:
            self._metrics.ended(after.stage.value)
        return self._line.caps.hold and before.runs and not after.runs
