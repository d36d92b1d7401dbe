"""Tries of deliveries in the ledger: each is written down, and what became of its delivery with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.facts import DeliveryAttempted, Fact, TaskAttemptFailed
from services.ingest.database import Database
from services.ingest.state import RunState, kind_of, letter_of
from services.ingest.webhooks.records import Status
from services.ingest.webhooks.retrying import BUSY
from services.ingest.webhooks.tables import deliveries, delivery_attempts


async def note_tries(
    database: Database,
    connection: AsyncConnection,
    state: RunState,
    taken: Iterable[Fact],
    waits: Mapping[str, datetime],
) -> None:
    """Write down what facts say of tries, and what became of the deliveries.

    state: with these facts and all that they called for. waits: when the next try of each task is due that was
    ordered just now.
    """
    told = [fact for fact in taken if kind_of(fact.task) == "notify"]
    for key in dict.fromkeys([*(fact.task for fact in told), *(key for key in waits if kind_of(key) == "notify")]):
        d = deliveries.c
        of_run = (d.job_id == state.brief.job_id, d.run == state.run, d.task == key)
        row = (await connection.execute(sa.select(d.id, d.status).where(*of_run))).one_or_none()
        if row is None or not state.task(key).ordered:
            continue
        for fact in told:
            if fact.task == key:
                await note_try(database, connection, row.id, fact)
        summary = _summary(state, key, waits)
        if row.status == "dropped" and summary["status"] != "delivered":
            summary = {"tries": summary["tries"], "code": summary["code"]}
        await connection.execute(sa.update(deliveries).where(d.id == row.id).values(**summary))


async def note_try(database: Database, connection: AsyncConnection, delivery_id: str, fact: Fact) -> None:
    """The row of one try."""
    body = fact.body
    row: dict[str, Any] = {
        "delivery_id": delivery_id,
        "attempt": fact.attempt,
        "at": fact.at,
        "seconds": fact.usage.wall_seconds,
        "code": None,
        "message": "",
    }
    match body:
        case DeliveryAttempted():
            row |= {"status": body.status, "answer": body.answer}
        case TaskAttemptFailed() if body.code != BUSY:
            row |= {
                "status": body.status or None,
                "answer": body.answer,
                "code": body.code,
                "message": body.message,
            }
        case _:
            return
    row["answer"] = row["answer"].replace("\0", "")
    await database.insert_new(connection, delivery_attempts, [row])


def _summary(state: RunState, key: str, waits: Mapping[str, datetime]) -> dict[str, Any]:
    task = state.task(key)
    failed = [
        try_.failed
        for try_, _ in task.ordered
        if try_.failed is not None
        and isinstance(try_.failed.body, TaskAttemptFailed)
        and try_.failed.body.code != BUSY
    ]
    last, _ = task.ordered[-1]
    status: Status = "pending"
    ended = None
    if task.winner is not None:
        status, ended = "delivered", task.winner
    elif letter_of(state.brief.job_id, state.run, key, last.number) in state.given_up:
        status, ended = "failed", last.failed
    newest = failed[-1].body if failed else None
    due = {"next_try_at": waits.get(key)} if ended is not None or key in waits else {}
    return {
        **due,
        "status": status,
        "tries": len(failed) + sum(try_.done is not None for try_, _ in task.ordered),
        "code": newest.code if isinstance(newest, TaskAttemptFailed) and status != "delivered" else None,
        "ended_at": ended.at if ended is not None else None,
    }
