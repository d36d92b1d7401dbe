"""The sweeper: publishes lost tasks again, removes what nobody needs. At start, and every minute."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.artifacts.store import ArtifactStore
from libs.contracts.errors import Retryable
from libs.contracts.jobs import State
from libs.contracts.tasks import RUN_INDEPENDENT, TASK_KINDS, TaskKind
from libs.telemetry import names
from libs.telemetry.metrics import LedgerMetrics
from services.ingest import tables as t
from services.ingest.accounts.expired import forget_expired
from services.ingest.database import Database
from services.ingest.garbage import remove_garbage
from services.ingest.keeping.retention import Retention
from services.ingest.keeping.rules import Keeping
from services.ingest.ledger import utc_now
from services.ingest.uploads.presign import PREFIX
from services.ingest.uploads.records import remove_expired
from services.ingest.webhooks.announce import send_lost
from services.ingest.webhooks.rows import forget_deliveries

log = logging.getLogger(__name__)

EVERY_S = 60.0
GARBAGE_EVERY = timedelta(hours=1)
"""Listing every artifact costs too much to do it each minute; nothing younger than a day is removed anyway."""
SENT_KEPT = timedelta(hours=1)
"""How long a published message stays in the outbox, for people who look for it."""
DELIVERIES_KEPT = timedelta(days=30)
"""How long a webhook that is done can be looked at."""
INCOMING_DAYS = 2
"""After which the store's own server removes what was never completed: a day later than the sweeper."""
BATCH = 500

PATIENCE: dict[TaskKind, timedelta] = {
    "fetch": timedelta(minutes=5),
    "analyze": timedelta(minutes=5),
    "voice": timedelta(minutes=15),
    "score": timedelta(minutes=15),
    "plan": timedelta(minutes=3),
    "imagine": timedelta(minutes=15),
    "animate": timedelta(minutes=15),
    "mix": timedelta(minutes=5),
    "conform": timedelta(minutes=15),
    "compose": timedelta(minutes=30),
    "notify": timedelta(minutes=4),
}
"""How long a published task may go without an answer. It doubles with each publication, since a task that only
waits in a long queue gets a copy each time.

All are longer than the stream's duplicate window (2 minutes): the message id is the same, so a copy within the
window would be swallowed, and the task be taken for published. (Had the server lost the stream, it has lost the
window too.) A copy that a worker does get is free when the first was answered: the result is found, and the
fact is a duplicate.
"""
LONGEST_DOUBLING = 6


class Sweeper:
    """One pass is `sweep`; `run` does them for ever.

    wake: called when the outbox has something new. let_in: lets those runs go on whose turn it is. spend: looks
    after runs that wait for money. retention: how
    long what is kept; None: as long as its project. bucket_rules: ask the store's server to remove what is never
    completed, too.
    """

    def __init__(
        self,
        database: Database,
        store: ArtifactStore,
        *,
        wake: Callable[[], None],
        metrics: LedgerMetrics | None = None,
        clock: Callable[[], datetime] = utc_now,
        every_s: float = EVERY_S,
        retention: Retention | None = None,
        let_in: Callable[[], Awaitable[int]] | None = None,
        spend: Callable[[], Awaitable[None]] | None = None,
        bucket_rules: bool = False,
    ) -> None:
        self._database = database
        self._store = store
        self._wake = wake
        self._metrics = metrics
        self._clock = clock
        self._every_s = every_s
        self._lacks_rules = bucket_rules
        self._retention = retention or Retention(database, Keeping(), clock=clock)
        self._let_in = let_in
        self._spend = spend
        self._garbage_due = clock()

    async def run(self) -> None:
        """Sweep for ever. Ends only when cancelled, or by an error that is a defect."""
        while True:
            try:
                await self.sweep()
            except Retryable as error:
                log.warning("the sweep is put off: %s", error)
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> int:
        """One pass; how many tasks were published again."""
        count = await self.publish_again()
        if self._let_in is not None:
            await self._let_in()
        if self._spend is not None:
            await self._spend()
        await self.announce_again()
        await self.prune()
        await self._measure()
        if self._clock() >= self._garbage_due:
            await self.remove()
        return count

    async def remove(self) -> int:
        """Let go what was kept for long enough, and remove what nobody needs any more, whenever that was done last;
        how many things."""
        if self._lacks_rules:
            await self._set_rules()
        await self._retention.run()
        now = self._clock()
        clips = self._retention.keeping.clips
        removed = await remove_garbage(self._database, self._store, now, clips=clips)
        self._garbage_due = now + GARBAGE_EVERY
        return removed

    async def _set_rules(self) -> None:
        """Once by each process: somebody may have taken them away."""
        why = await self._store.remove_by_itself(PREFIX, INCOMING_DAYS)
        self._lacks_rules = False
        if why:
            log.warning("the artifact store removes nothing by itself: %s; the sweeper does", why)

    async def publish_again(self) -> int:
        """Put tasks that were published long ago and never answered back into the outbox; how many."""
        count = 0
        for kind in TASK_KINDS:
            while (found := await self._publish_kind_again(kind)) > 0:
                count += found
                if found < BATCH:
                    break
        if count:
            self._wake()
        return count

    async def _publish_kind_again(self, kind: TaskKind) -> int:
        now, c = self._clock(), t.tasks.c
        overdue = sa.or_(
            *(
                sa.and_(
                    c.publications >= doublings + 1
                    if doublings == LONGEST_DOUBLING
                    else c.publications == doublings + 1,
                    c.published_at < now - PATIENCE[kind] * 2**doublings,
                )
                for doublings in range(LONGEST_DOUBLING + 1)
            )
        )
        query = (
            sa.select(c.job_id, c.run, c.task, c.attempt, c.message, c.trace)
            .join(t.runs, (t.runs.c.job_id == c.job_id) & (t.runs.c.run == c.run))
            .where(c.kind == kind, c.answered_at.is_(None), overdue)
            .limit(BATCH)
        )
        if kind not in RUN_INDEPENDENT:
            query = query.where(t.runs.c.ended_at.is_(None))
        if self._database.locks_rows:
            query = query.with_for_update(of=t.tasks, skip_locked=True)

        async def again(connection: AsyncConnection) -> int:
            rows = (await connection.execute(query)).mappings().all()
            for row in rows:
                fields = {names.JOB_ID: row["job_id"], names.RUN: row["run"], names.TASK: row["task"]}
                log.warning("no answer for long: published again", extra=fields)
                message = {**row, "kind": "task", "created_at": now, "not_before": now}
                await connection.execute(sa.insert(t.outbox).values(**message))
                await connection.execute(
                    sa.update(t.tasks)
                    .where(c.job_id == row["job_id"], c.run == row["run"])
                    .where(c.task == row["task"], c.attempt == row["attempt"])
                    .values(published_at=None)
                )
            return len(rows)

        found = await self._database.transact(again)
        for _ in range(found):
            if self._metrics is not None:
                self._metrics.swept(kind)
        return found

    async def prune(self) -> None:
        """Delete published messages, expired idempotency keys and uploads, and what became of webhooks long ago."""
        now = self._clock()

        async def remove(connection: AsyncConnection) -> None:
            await connection.execute(sa.delete(t.outbox).where(t.outbox.c.sent_at < now - SENT_KEPT))
            await connection.execute(sa.delete(t.idempotency_keys).where(t.idempotency_keys.c.expires_at <= now))
            await remove_expired(connection, now)
            await forget_expired(connection, now)
            await forget_deliveries(connection, now - DELIVERIES_KEPT)

        await self._database.transact(remove)

    async def announce_again(self) -> None:
        """Send again the announcements whose last try had no answer for long."""
        if await self._database.transact(lambda it: send_lost(self._database, it, self._clock())):
            self._wake()

    async def _measure(self) -> None:
        if self._metrics is None:
            return
        ended = [state.value for state in State if state.ended]
        async with self._database.read() as connection:
            jobs = sa.select(sa.func.count()).select_from(t.jobs).where(t.jobs.c.state.not_in(ended))
            waiting = sa.select(sa.func.count()).select_from(t.outbox).where(t.outbox.c.sent_at.is_(None))
            self._metrics.open_jobs((await connection.execute(jobs)).scalar_one())
            self._metrics.outbox((await connection.execute(waiting)).scalar_one())
