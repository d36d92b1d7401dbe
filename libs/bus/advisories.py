"""What becomes of a task on which workers died again and again.

The server stops delivering it after `max_deliver` times and says so on an advisory; the message itself would
stay in the work queue for ever.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import msgspec
from nats.aio.msg import Msg
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from libs.bus import headers as head
from libs.bus.connection import Bus
from libs.bus.consumer import DurableConsumer
from libs.bus.loops import OnDeath
from libs.bus.settle import Delivery, failure_of, letter_of
from libs.contracts import subjects
from libs.contracts.errors import Malformed, Permanent
from libs.contracts.facts import Fact
from libs.contracts.messages import decode
from libs.contracts.tasks import Task
from libs.telemetry import names

log = logging.getLogger(__name__)


class _Advisory(msgspec.Struct, frozen=True):
    """io.nats.jetstream.advisory.v1.max_deliver, as far as we read it."""

    stream_seq: int


class AdvisoryConsumer(DurableConsumer):
    """Writes the dead letter and the failure fact of such a task, then removes it from the stream."""

    def __init__(self, bus: Bus, *, on_death: OnDeath | None = None) -> None:
        super().__init__(bus, subjects.ADVISORIES, subjects.ADVISORY_CONSUMER, self._on_message, on_death=on_death)

    async def _on_message(self, message: Msg) -> None:
        try:
            sequence = msgspec.json.decode(message.data, type=_Advisory).stream_seq
        except msgspec.DecodeError as error:
            log.error("an advisory can't be read: %s", error)
            return
        try:
            lost = await self._bus.js.get_msg(subjects.TASKS, seq=sequence)
        except NotFoundError:
            return  # answered meanwhile, or handled by another replica
        delivery = _delivery_of(lost, sequence)
        given_up = Permanent("worker_lost")
        now = datetime.now(UTC)
        log.error("a task is given up: its workers died", extra={names.KIND: delivery.kind})
        await self._bus.publish_dead(letter_of(delivery, given_up.code, now))
        if delivery.origin is not None:
            await self._bus.publish_fact(
                Fact(
                    job_id=delivery.origin.job_id,
                    run=delivery.origin.run,
                    task=delivery.origin.task,
                    attempt=delivery.origin.attempt,
                    at=now,
                    body=failure_of(given_up),
                )
            )
        try:
            await self._bus.js.delete_msg(subjects.TASKS, sequence)
        except NotFoundError:
            return


def _delivery_of(lost: RawStreamMsg, sequence: int) -> Delivery:
    """Whose work it was: from the headers, or else from the body."""
    kind = head.kind_of_subject(lost.subject or "")
    message_id = (lost.headers or {}).get(head.MESSAGE_ID) or f"{subjects.TASKS}:{sequence}"
    origin = head.read(lost.headers)
    if origin is None:
        try:
            task = decode(lost.data or b"", Task)
        except Malformed:
            return Delivery(message_id=message_id, kind=kind, origin=None)
        origin = head.Origin(job_id=task.job_id, run=task.run, task=task.task, attempt=task.attempt)
    return Delivery(message_id=message_id, kind=kind, origin=origin)
