"""How much work waits in the queues, and for how long."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import get_args

import msgspec
from nats.js.errors import NotFoundError

from libs.bus.connection import TRANSIENT, Bus
from libs.contracts import subjects
from libs.contracts.errors import Retryable
from libs.contracts.tasks import TASK_KINDS, Priority, TaskKind


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """The tasks of one kind and priority."""

    kind: TaskKind
    priority: Priority
    waiting: int
    """That no worker has taken."""
    in_work: int
    """That workers hold."""
    redelivered: int
    """Of these, how many were given to another worker, since the first was silent."""
    oldest_at: datetime | None = None
    """When the oldest of those that wait was published; None: none waits."""


async def lanes(bus: Bus) -> list[Lane]:
    """All of them. Raises Retryable("bus_unavailable")."""
    if not bus.connected:
        raise Retryable("bus_unavailable", "nats-server is away.")
    try:
        return await asyncio.gather(
            *(_lane(bus, kind, priority) for kind in TASK_KINDS for priority in get_args(Priority))
        )
    except TRANSIENT as error:
        raise Retryable("bus_unavailable", f"The queues can't be read: {error}") from error


async def _lane(bus: Bus, kind: TaskKind, priority: Priority) -> Lane:
    info = await bus.js.consumer_info(subjects.TASKS, subjects.task_consumer(kind, priority))
    waiting, oldest = info.num_pending or 0, None
    if waiting:
        first = (info.delivered.stream_seq if info.delivered is not None else 0) + 1
        try:
            message = await bus.js.get_msg(
                subjects.TASKS, seq=first, subject=subjects.task_subject(kind, priority), next=True
            )
            oldest = message.time
        except NotFoundError:  # taken and done since
            waiting = 0
    return Lane(
        kind=kind,
        priority=priority,
        waiting=waiting,
        in_work=info.num_ack_pending or 0,
        redelivered=info.num_redelivered or 0,
        oldest_at=oldest,
    )
