"""The outbox: messages committed with the state that calls for them, published after.

One loop for each kind of message, so that a full task stream never holds up a cancel. A loop is woken by a
commit, and looks by itself each second. What goes out twice (a crash between publishing and noting it) is
swallowed by the stream, or finds its result made.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.contracts.facts import Fact, TaskAttemptFailed
from libs.contracts.messages import Control, DeadLetter, decode
from libs.contracts.tasks import Task
from libs.telemetry import names
from libs.telemetry.tracing import extract, span
from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.ledger import utc_now

log = logging.getLogger(__name__)

POLL_S = 1.0
BATCH = 50
BACKOFF_S = (0.25, 5.0)
"""The wait after the first failure in a row, which doubles, and the longest."""

SKEW = timedelta(minutes=1)
"""How far the clocks of replicas may be apart. What was written later than that from now was written before the
clock was set back; it goes out at once, since its own time may be hours away."""

KINDS = ("control", "task", "fact", "dead")


class Publisher(Protocol):
    """What the outbox needs of the bus. Each raises `Retryable` when the message was not taken."""

    async def publish_task(self, task: Task) -> None: ...
    async def publish_fact(self, fact: Fact) -> None: ...
    async def publish_control(self, control: Control) -> None: ...
    async def publish_dead(self, letter: DeadLetter) -> None: ...


class Outbox:
    """Publishes what is due.

    refused: told of a task that the bus will never take, as the failure of its attempt: the ledger's `apply`.
    """

    def __init__(
        self,
        database: Database,
        bus: Publisher,
        *,
        refused: Callable[[Fact], Awaitable[None]],
        clock: Callable[[], datetime] = utc_now,
        poll_s: float = POLL_S,
    ) -> None:
        self._database = database
        self._bus = bus
        self._refused = refused
        self._clock = clock
        self._poll_s = poll_s
        self._bells = {kind: asyncio.Event() for kind in KINDS}

    def wake(self) -> None:
        """Something was committed: look now."""
        for bell in self._bells.values():
            bell.set()

    async def run(self) -> None:
        """Publish for ever. Ends only when cancelled, or by an error that is a defect."""
        async with asyncio.TaskGroup() as loops:
            for kind in KINDS:
                loops.create_task(self._follow(kind), name=f"outbox-{kind}")

    async def _follow(self, kind: str) -> None:
        first, longest = BACKOFF_S
        wait, bell = first, self._bells[kind]
        while True:
            bell.clear()
            try:
                full = await self.publish_due(kind) == BATCH
            except Retryable as error:
                log.warning("%s messages wait: %s", kind, error)
                await asyncio.sleep(wait)
                wait = min(2 * wait, longest)
                continue
            wait = first
            if not full:
                await _rung(bell, self._poll_s)

    async def publish_due(self, kind: str) -> int:
        """Publish one batch of a kind, oldest first; how many went out.

        Raises `Retryable` when the bus or the database does not take one; those before it are noted as sent, and so
        they are when it is cancelled.
        """
        sent: list[Any] = []
        refused: list[Fact] = []
        failure: Retryable | asyncio.CancelledError | None = None
        async with self._due(kind, sent) as rows:
            for row in rows:
                try:
                    await self._publish(row)
                except (Retryable, asyncio.CancelledError) as error:
                    failure = error
                    break
                except BeatloomError as error:
                    log.error("a message can't be published: %s", error, extra={names.JOB_ID: row.job_id})
                    if row.kind == "task":
                        refused.append(self._refusal(row, error))
                sent.append(row)
        for fact in refused:
            await self._refused(fact)
        if failure is not None:
            raise failure
        return len(sent)

    @asynccontextmanager
    async def _due(self, kind: str, sent: list[Any]) -> AsyncIterator[Sequence[Any]]:
        """The next batch. What the caller puts into `sent` is noted as sent at the end of the block.

        PostgreSQL locks the rows meanwhile, so that another replica takes others; of the ends of runs it has to
        wait, since the last word on a job must be said last. SQLite would have to lock out the ledger, so there two
        processes might publish the same; the stream swallows the second.
        """
        if self._database.locks_rows:
            async with self._database.write() as connection:
                query = self._query(kind).with_for_update(skip_locked=kind != "control")
                yield (await connection.execute(query)).all()
                await self._note(connection, sent)
        else:
            async with self._database.read() as connection:
                rows = (await connection.execute(self._query(kind))).all()
            yield rows
            if sent:
                await self._database.transact(lambda connection: self._note(connection, sent))

    def _query(self, kind: str) -> sa.Select[Any]:
        c, now = t.outbox.c, self._clock()
        due = sa.or_(c.not_before <= now, c.created_at > now + SKEW)
        return sa.select(t.outbox).where(c.kind == kind, c.sent_at.is_(None), due).order_by(c.id).limit(BATCH)

    async def _note(self, connection: AsyncConnection, sent: list[Any]) -> None:
        if not sent:
            return
        now, o, c = self._clock(), t.outbox.c, t.tasks.c
        # By what they say, too: SQLite gives the number of a row that was withdrawn meanwhile to another one.
        these = sa.tuple_(o.id, o.message).in_([(row.id, row.message) for row in sent])
        await connection.execute(sa.update(t.outbox).where(these).values(sent_at=now))
        for row in sent:
            if row.kind == "task":
                await connection.execute(
                    sa.update(t.tasks)
                    .where(c.job_id == row.job_id, c.run == row.run, c.task == row.task, c.attempt == row.attempt)
                    .values(published_at=now, publications=c.publications + 1)
                )

    async def _publish(self, row: Any) -> None:
        data = row.message.encode()
        with span(f"{names.SPAN_PUBLISH} {row.kind}", parent=extract({"traceparent": row.trace})):
            match row.kind:
                case "task":
                    await self._bus.publish_task(decode(data, Task))
                case "fact":
                    await self._bus.publish_fact(decode(data, Fact))
                case "control":
                    await self._bus.publish_control(decode(data, Control))
                case "dead":
                    await self._bus.publish_dead(decode(data, DeadLetter))
                case _:
                    raise Permanent("unexpected", f"The outbox holds a message of the unknown kind {row.kind}.")

    def _refusal(self, row: Any, error: BeatloomError) -> Fact:
        body = TaskAttemptFailed(code=error.code, message=error.message, retryable=False)
        return Fact(job_id=row.job_id, run=row.run, task=row.task, attempt=row.attempt, at=self._clock(), body=body)


async def _rung(bell: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await bell.wait()
    except TimeoutError:
        pass
