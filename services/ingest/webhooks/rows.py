"""Deliveries in the ledger: opened as a run ends, opened again, dropped, forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.messages import decode, encode
from libs.contracts.tasks import Notify, Task
from services.ingest.ids import new_id
from services.ingest.state import RunState
from services.ingest.tables import jobs, outbox, tasks
from services.ingest.webhooks.records import Standing, Target
from services.ingest.webhooks.tables import deliveries, delivery_attempts, webhook_endpoints
from services.ingest.webhooks.telling import EVENT_OF

SETTINGS_TASK = "notify.settings"
_ENDPOINT = ("secret", "old_secret", "old_until")


async def open_deliveries(
    connection: AsyncConnection, state: RunState, standing: Standing | None, now: datetime
) -> tuple[Target, ...]:
    """A delivery to each who is told of the run's end: the callback, the endpoint of the settings, the owner's."""
    brief, event = state.brief, EVENT_OF[state.stage]
    common = {
        "owner": brief.owner,
        "job_id": brief.job_id,
        "run": state.run,
        "event": event,
        "status": "pending",
        "tries": 0,
        "created_at": now,
        "next_try_at": now,
    }
    receivers: list[dict[str, Any]] = []
    if brief.options.callback_url:
        receivers.append({"task": "notify", "url": brief.options.callback_url, "strict": False})
    if standing is not None:
        receivers.append({"task": SETTINGS_TASK, "url": standing.url, "strict": standing.strict})
    c = webhook_endpoints.c
    query = sa.select(c.id, c.url, c.strict, c.events).where(c.owner == brief.owner, c.active).order_by(c.id)
    for row in await connection.execute(query):
        if event in row.events:
            receivers.append({"task": task_of(row.id), "url": row.url, "strict": row.strict, "endpoint_id": row.id})
    rows = [
        {
            **common,
            "id": new_id(),
            "webhook_id": "_".join(["msg", brief.job_id, str(state.run), *one["task"].split(".")[1:]]),
            "endpoint_id": None,
            **one,
        }
        for one in receivers
    ]
    if rows:
        await connection.execute(sa.insert(deliveries), rows)
    return await load_targets(connection, brief.job_id, state.run)


def task_of(endpoint_id: str) -> str:
    """The key of the task that tells an endpoint."""
    return f"notify.{endpoint_id}"


async def load_targets(connection: AsyncConnection, job_id: str, run: int) -> tuple[Target, ...]:
    """Who is told of the end of a run, as their endpoints are now; those that are off or gone are left out."""
    d, e = deliveries.c, webhook_endpoints.c
    query = (
        sa.select(
            d.task,
            d.webhook_id,
            sa.func.coalesce(e.url, d.url).label("url"),
            sa.func.coalesce(e.strict, d.strict).label("strict"),
            *(e[name] for name in _ENDPOINT),
            jobs.c.client_run,
        )
        .select_from(deliveries.outerjoin(webhook_endpoints, e.id == d.endpoint_id))
        .join(jobs, jobs.c.id == d.job_id)
        .where(d.job_id == job_id, d.run == run, d.status != "dropped")
        .where(sa.or_(d.endpoint_id.is_(None), e.active))
        .order_by(d.id)
    )
    return tuple(
        Target(
            task=row.task,
            webhook_id=row.webhook_id,
            url=row.url,
            strict=row.strict,
            run_id=row.client_run,
            secret=row.secret or "",
            old_secret=row.old_secret or "",
            old_until=row.old_until,
        )
        for row in await connection.execute(query)
    )


async def open_again(connection: AsyncConnection, job_id: str, run: int, key: str) -> None:
    """Have a delivery wait for new tries, whatever became of it; one that waits to go out is taken back."""
    c, d = outbox.c, deliveries.c
    await connection.execute(sa.delete(outbox).where(*_unsent(key), c.job_id == job_id, c.run == run))
    query = sa.update(deliveries).where(d.job_id == job_id, d.run == run, d.task == key)
    await connection.execute(query.values(status="pending", ended_at=None))


async def drop_deliveries(connection: AsyncConnection, endpoint_id: str, now: datetime) -> None:
    """Give up, without a dead letter, what an endpoint was to be told: nobody wants it any more."""
    d = deliveries.c
    await connection.execute(sa.delete(outbox).where(*_unsent(task_of(endpoint_id))))
    query = sa.update(deliveries).where(d.endpoint_id == endpoint_id, d.status == "pending")
    await connection.execute(query.values(status="dropped", ended_at=now, next_try_at=None))


async def forget_deliveries(connection: AsyncConnection, before: datetime) -> None:
    """Delete, with their tries, deliveries that were done before this time."""
    d, a = deliveries.c, delivery_attempts.c
    old = sa.select(d.id).where(d.ended_at < before)
    await connection.execute(sa.delete(delivery_attempts).where(a.delivery_id.in_(old)))
    await connection.execute(sa.delete(deliveries).where(d.ended_at < before))


async def renew_tries(connection: AsyncConnection, target: Target, now: datetime) -> None:
    """Send the tries that wait to where the endpoint is now, signed as it is now."""
    query = sa.select(outbox.c.id, outbox.c.message).where(*_unsent(target.task))
    for row in (await connection.execute(query)).all():
        task = decode(row.message.encode(), Task)
        if not isinstance(task.body, Notify):
            continue
        body = msgspec.structs.replace(task.body, url=target.url, strict=target.strict, secrets=target.secrets(now))
        message = encode(msgspec.structs.replace(task, body=body)).decode()
        await connection.execute(sa.update(outbox).where(outbox.c.id == row.id).values(message=message))
        t = tasks.c
        same = (t.job_id == task.job_id, t.run == task.run, t.task == task.task, t.attempt == task.attempt)
        await connection.execute(sa.update(tasks).where(*same).values(message=message))


def _unsent(key: str) -> tuple[sa.ColumnElement[bool], ...]:
    c = outbox.c
    return (c.kind == "task", c.task == key, c.sent_at.is_(None))
