"""The ledger's ear: facts, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
from nats.aio.msg import Msg

from libs.bus import headers as head
from libs.bus.connection import Bus
from libs.bus.consumer import DurableConsumer
from libs.bus.loops import OnDeath
from libs.bus.settle import Delivery, failure_of, letter_of
from libs.contracts import subjects
from libs.contracts.errors import Malformed, Retryable, code_of
from libs.contracts.facts import Fact
from libs.contracts.messages import decode
from libs.telemetry import names
from libs.telemetry.tracing import extract, span

log = logging.getLogger(__name__)

TRIES = 30
"""After so many deliveries, some five minutes, a fact that meets a defect of ours is given up."""


class FactConsumer(DurableConsumer):
    """Gives each fact to `handle`, and acks it when that returns. Facts may come twice and in any order.

    When `handle` raises, the fact comes again a little later, and the next ones go on. One that can't be read, or
    with which `handle` fails again and again by something else than `Retryable`, becomes a dead letter, and its
    try a failed one, so that its job ends instead of waiting for ever.
    """

    def __init__(
        self,
        bus: Bus,
        handle: Callable[[Fact], Awaitable[None]],
        *,
        tries: int = TRIES,
        on_death: OnDeath | None = None,
    ) -> None:
        self._apply = handle
        self._tries = tries
        super().__init__(bus, subjects.FACTS, subjects.LEDGER_CONSUMER, self._on_message, on_death=on_death)

    async def _on_message(self, message: Msg) -> None:
        try:
            fact = decode(message.data, Fact)
        except Malformed as error:
            log.error("a fact can't be read: %s", error)
            await self._give_up(message, head.read(message.headers), error)
            return
        with span(
            f"{names.SPAN_FACT} {fact.name}",
            parent=extract(message.headers),
            attributes={
                names.JOB_ID: fact.job_id,
                names.RUN: fact.run,
                names.TASK: fact.task,
                names.ATTEMPT: fact.attempt,
            },
        ):
            try:
                await self._apply(fact)
            except Retryable:
                raise
            except Exception as error:
                if message.metadata.num_delivered < self._tries:
                    raise
                log.exception("a fact can't be applied and is given up", extra={names.JOB_ID: fact.job_id})
                origin = head.Origin(job_id=fact.job_id, run=fact.run, task=fact.task, attempt=fact.attempt)
                await self._give_up(message, origin, error)

    async def _give_up(self, message: Msg, origin: head.Origin | None, error: Exception) -> None:
        at = datetime.now(UTC)
        message_id = f"{subjects.FACTS}:{message.metadata.sequence.stream}"
        delivery = Delivery(message_id=message_id, kind="fact", origin=origin)
        await self._bus.publish_dead(letter_of(delivery, code_of(error), at))
        if origin is not None and origin.task:
            failure = msgspec.structs.replace(failure_of(error), retryable=False)
            await self._apply(
                Fact(
                    job_id=origin.job_id,
                    run=origin.run,
                    task=origin.task,
                    attempt=origin.attempt,
                    at=at,
                    body=failure,
                )
            )
