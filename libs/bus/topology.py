"""The streams and consumers, made by one idempotent function.

Every service calls it at start and after each reconnect: whoever comes first makes what is missing, and
what differs from this table is changed to it.
"""

from __future__ import annotations

import msgspec
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError

from libs.contracts import subjects
from libs.contracts.tasks import TASK_KINDS

DAY_S = 86400.0
DUPLICATE_WINDOW_S = 120.0
MAX_DELIVER = 20
FACTS_IN_FLIGHT = 1000

_NAME_IN_USE = 10058  # "stream name already in use with a different configuration"


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """What may differ between installations."""

    ack_wait_s: float = 15.0
    """Seconds without a heartbeat after which work is given to another worker."""
    replicas: int = 1
    """Copies of each stream: 1 on one machine, 3 in a cluster."""
    max_tasks: int = 100_000
    """Tasks that may wait; more are refused, and the outbox waits."""


def streams(plan: Topology) -> list[StreamConfig]:
    """The table of streams. The last is the key-value bucket of the workers' small durable records."""

    def stream(name: str, subject: str, **rest: object) -> StreamConfig:
        basis = StreamConfig(
            name=name,
            subjects=[subject],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            duplicate_window=DUPLICATE_WINDOW_S,
            num_replicas=plan.replicas,
        )
        return basis.evolve(**rest)

    return [
        stream(
            subjects.TASKS,
            subjects.TASK_SUBJECTS,
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            max_msgs=plan.max_tasks,
        ),
        stream(subjects.FACTS, subjects.FACT_SUBJECTS, max_age=7 * DAY_S),
        stream(subjects.CONTROL, subjects.CONTROL_SUBJECTS, max_age=7 * DAY_S, max_msgs_per_subject=1),
        stream(subjects.DEAD, subjects.DEAD_SUBJECTS, max_age=30 * DAY_S),
        stream(subjects.ADVISORIES, subjects.MAX_DELIVERIES_ADVISORIES, max_age=7 * DAY_S),
        stream(
            f"KV_{subjects.WORK_BUCKET}",
            f"$KV.{subjects.WORK_BUCKET}.>",
            discard=DiscardPolicy.NEW,
            max_msgs_per_subject=1,
            allow_rollup_hdrs=True,
            deny_delete=True,
            allow_direct=True,
            allow_msg_ttl=True,
        ),
    ]


def consumers(plan: Topology) -> list[tuple[str, ConsumerConfig]]:
    """(stream, consumer) pairs. Facts and advisories are delivered until they are acked, without end."""

    def consumer(name: str, **rest: object) -> ConsumerConfig:
        basis = ConsumerConfig(
            name=name,
            durable_name=name,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=plan.ack_wait_s,
            max_deliver=-1,
            max_ack_pending=FACTS_IN_FLIGHT,
        )
        return basis.evolve(**rest)

    tasks = [
        (
            subjects.TASKS,
            consumer(
                subjects.task_consumer(kind, priority),
                filter_subject=subjects.task_subject(kind, priority),
                max_deliver=MAX_DELIVER,
                max_ack_pending=plan.max_tasks,
            ),
        )
        for kind in TASK_KINDS
        for priority in ("high", "low")
    ]
    return [
        *tasks,
        (subjects.FACTS, consumer(subjects.LEDGER_CONSUMER)),
        (subjects.ADVISORIES, consumer(subjects.ADVISORY_CONSUMER)),
    ]


async def ensure_topology(js: JetStreamContext, plan: Topology) -> None:
    """Make the streams and consumers that are missing, and change those that differ.

    Raises the errors of nats-py; calling it again is always right.
    """
    for config in streams(plan):
        try:
            await js.add_stream(config)
        except BadRequestError as error:
            if error.err_code != _NAME_IN_USE:
                raise
            await js.update_stream(config)
    for stream, consumer in consumers(plan):
        await js.add_consumer(stream, consumer)
