"""Tests of an endpoint: one webhook that is about no job, tried once.

Its task has the delivery's id for a job, and no rows of its own: what is heard of it goes to the delivery.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.facts import DeliveryAttempted, Fact, TaskAttemptFailed
from libs.contracts.messages import encode
from libs.contracts.tasks import Notify, Task
from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.webhooks.records import Target
from services.ingest.webhooks.tables import deliveries
from services.ingest.webhooks.tries import note_try

PING: Final = "ping"


async def send_ping(
    connection: AsyncConnection, target: Target, *, delivery_id: str, owner: str, endpoint_id: str, now: datetime
) -> None:
    """Put a test into the outbox, and its delivery beside it."""
    body = Notify(
        webhook_id=target.webhook_id,
        url=target.url,
        event=PING,
        timestamp=now,
        status=PING,
        secrets=target.secrets(now),
        strict=target.strict,
    )
    task = Task(job_id=delivery_id, run=0, task=target.task, attempt=1, owner=owner, body=body, priority="high")
    delivery = {
        "id": delivery_id,
        "owner": owner,
        "endpoint_id": endpoint_id,
        "task": target.task,
        "webhook_id": target.webhook_id,
        "event": PING,
        "url": target.url,
        "strict": target.strict,
        "status": "pending",
        "tries": 0,
        "created_at": now,
        "next_try_at": now,
    }
    message = {
        "kind": "task",
        "job_id": task.job_id,
        "run": task.run,
        "task": task.task,
        "attempt": task.attempt,
        "message": encode(task).decode(),
        "trace": "",
        "created_at": now,
        "not_before": now,
    }
    await connection.execute(sa.insert(deliveries).values(**delivery))
    await connection.execute(sa.insert(t.outbox).values(**message))


async def note_ping(database: Database, connection: AsyncConnection, fact: Fact) -> bool:
    """Write down what became of a test; False for a fact that is about none, or that is known already."""
    body, d = fact.body, deliveries.c
    if not isinstance(body, (DeliveryAttempted, TaskAttemptFailed)):
        return False
    code = body.code if isinstance(body, TaskAttemptFailed) else None
    values = {
        "status": "failed" if code else "delivered",
        "tries": 1,
        "code": code,
        "ended_at": fact.at,
        "next_try_at": None,
    }
    query = sa.update(deliveries).where(d.id == fact.job_id, d.event == PING, d.status == "pending")
    if (await connection.execute(query.values(**values))).rowcount != 1:
        return False
    await note_try(database, connection, fact.job_id, fact)
    return True
