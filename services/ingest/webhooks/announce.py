"""Webhooks that are about no run's end: what a budget has come to, what will be deleted, tests of an endpoint.

The task of one has its delivery's id for a job, and no row of its own: the delivery itself says which try is under
way and what is told, and what is heard of it goes there. So it is tried again for as long as any other webhook.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.announcements import BudgetNews, OutputNews
from libs.contracts.facts import DeliveryAttempted, Fact, TaskAttemptFailed
from libs.contracts.messages import encode
from libs.contracts.tasks import Notify, Task
from services.ingest.database import Database
from services.ingest.ids import new_id
from services.ingest.rules import Failures
from services.ingest.tables import outbox
from services.ingest.webhooks.records import Event, Standing, Target
from services.ingest.webhooks.retrying import BUSY, again
from services.ingest.webhooks.rows import SETTINGS_TASK, task_of
from services.ingest.webhooks.tables import deliveries, webhook_endpoints
from services.ingest.webhooks.tries import note_try

PATIENCE = timedelta(hours=1)
"""How long a try may go without an answer before it is sent again: its message may be lost."""
BATCH = 200


async def announce(
    connection: AsyncConnection,
    owner: str,
    event: Event,
    news: BudgetNews | OutputNews,
    now: datetime,
    *,
    standing: Standing | None = None,
) -> int:
    """Tell all of a user's endpoints that want to hear of this event, and the one of the settings; how many.

    All is written in the caller's transaction, and sent after its commit. To be called once for each thing that
    happened: each call makes new webhooks.
    """
    e = webhook_endpoints.c
    rows = (await connection.execute(sa.select(webhook_endpoints).where(e.owner == owner, e.active))).all()
    told: list[tuple[Target, str | None]] = [(_target(row), row.id) for row in rows if event in row.events]
    if standing is not None:
        told.append((Target(task=SETTINGS_TASK, webhook_id="", url=standing.url, strict=standing.strict), None))
    body = Notify(
        webhook_id="",
        url="",
        event=event,
        timestamp=now,
        status=event,
        budget=news if isinstance(news, BudgetNews) else None,
        output=news if isinstance(news, OutputNews) else None,
    )
    for target, endpoint_id in told:
        await send(connection, target, body, delivery_id=new_id(), owner=owner, endpoint_id=endpoint_id, now=now)
    return len(told)


async def send(
    connection: AsyncConnection,
    target: Target,
    body: Notify,
    *,
    delivery_id: str,
    owner: str,
    endpoint_id: str | None,
    now: datetime,
    once: bool = False,
) -> None:
    """Open a delivery, and put its first try into the outbox. once: there is no second."""
    body = msgspec.structs.replace(body, webhook_id=f"msg_{delivery_id}")
    delivery = {
        "id": delivery_id,
        "owner": owner,
        "endpoint_id": endpoint_id,
        "task": target.task,
        "webhook_id": body.webhook_id,
        "event": body.event,
        "url": target.url,
        "strict": target.strict,
        "status": "pending",
        "tries": 0,
        "created_at": now,
        "next_try_at": now,
        "attempt": 1,
        "message": None if once else body,
    }
    await connection.execute(sa.insert(deliveries).values(**delivery))
    await _post(connection, target, body, delivery_id=delivery_id, owner=owner, attempt=1, due=now, now=now)


async def note_answer(database: Database, connection: AsyncConnection, fact: Fact, now: datetime) -> bool:
    """Write down what became of a try, and order the next one; False for a fact that is about none, or that is
    known already."""
    answer, d = fact.body, deliveries.c
    if not isinstance(answer, (DeliveryAttempted, TaskAttemptFailed)):
        return False
    query = sa.select(deliveries).where(d.id == fact.job_id, d.job_id.is_(None), d.status == "pending")
    if database.locks_rows:
        query = query.with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None or fact.attempt > row.attempt:
        return False
    if isinstance(answer, TaskAttemptFailed) and fact.attempt < row.attempt:
        return False
    values = _after(row, fact, answer, now)
    await connection.execute(sa.update(deliveries).where(d.id == row.id).values(**values))
    await note_try(database, connection, row.id, fact)
    if values["next_try_at"] is not None:
        await _try(connection, row, values["attempt"], values["next_try_at"], now)
    return True


async def send_lost(database: Database, connection: AsyncConnection, now: datetime) -> int:
    """Send again what has had no answer for an hour; how many."""
    d = deliveries.c
    query = (
        sa.select(deliveries)
        .where(d.message.is_not(None), d.status == "pending", d.next_try_at < now - PATIENCE)
        .limit(BATCH)
    )
    if database.locks_rows:
        query = query.with_for_update(skip_locked=True)
    rows = (await connection.execute(query)).all()
    for row in rows:
        await connection.execute(sa.update(deliveries).where(d.id == row.id).values(next_try_at=now))
        await _try(connection, row, row.attempt, now, now)
    return len(rows)


def _after(
    row: sa.Row[Any], fact: Fact, answer: DeliveryAttempted | TaskAttemptFailed, now: datetime
) -> dict[str, Any]:
    """The delivery's row once this is known."""
    ended = {"next_try_at": None, "ended_at": fact.at, "attempt": row.attempt}
    if isinstance(answer, DeliveryAttempted):
        return {**ended, "status": "delivered", "tries": row.tries + 1, "code": None}
    tries = row.tries + (answer.code != BUSY)
    wait = None
    if answer.retryable and row.message is not None:
        chance = random.Random(f"{row.id}/{row.attempt}").random()  # noqa: S311 (it spreads load, it keeps no secret)
        elapsed = (now - row.created_at).total_seconds()
        wait = again(Failures(last=answer, tries=tries, elapsed=elapsed, chance=chance))
    if wait is None:
        return {**ended, "status": "failed", "tries": tries, "code": answer.code}
    due = now + timedelta(seconds=wait)
    code = row.code if answer.code == BUSY else answer.code
    return {"attempt": row.attempt + 1, "tries": tries, "code": code, "next_try_at": due}


async def _try(connection: AsyncConnection, row: sa.Row[Any], attempt: int, due: datetime, now: datetime) -> None:
    """Put a try into the outbox, to where the endpoint is now."""
    target = Target(task=row.task, webhook_id=row.webhook_id, url=row.url, strict=row.strict)
    if row.endpoint_id is not None:
        e = webhook_endpoints.c
        query = sa.select(webhook_endpoints).where(e.id == row.endpoint_id)
        target = _target((await connection.execute(query)).one())
    await _post(
        connection, target, row.message, delivery_id=row.id, owner=row.owner, attempt=attempt, due=due, now=now
    )


def _target(row: sa.Row[Any]) -> Target:
    """An endpoint as it is now."""
    return Target(
        task=task_of(row.id),
        webhook_id="",
        url=row.url,
        strict=row.strict,
        secret=row.secret,
        old_secret=row.old_secret or "",
        old_until=row.old_until,
    )


async def _post(
    connection: AsyncConnection,
    target: Target,
    body: Notify,
    *,
    delivery_id: str,
    owner: str,
    attempt: int,
    due: datetime,
    now: datetime,
) -> None:
    body = msgspec.structs.replace(body, url=target.url, strict=target.strict, secrets=target.secrets(now))
    task = Task(
        job_id=delivery_id, run=0, task=target.task, attempt=attempt, owner=owner, body=body, priority="high"
    )
    message = {
        "kind": "task",
        "job_id": task.job_id,
        "run": task.run,
        "task": task.task,
        "attempt": task.attempt,
        "message": encode(task).decode(),
        "trace": "",
        "created_at": now,
        "not_before": due,
    }
    await connection.execute(sa.insert(outbox).values(**message))
