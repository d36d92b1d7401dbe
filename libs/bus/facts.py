"""The ledger's ear: facts, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from nats.aio.msg import Msg

from libs.bus import headers as head
from libs.bus.connection import Bus
from libs.bus.consumer import DurableConsumer
from libs.bus.loops import OnDeath
from libs.bus.settle import Delivery, letter_of
from libs.contracts import subjects
from libs.contracts.errors import Malformed
from libs.contracts.facts import Fact
from libs.contracts.messages import decode
from libs.telemetry import names
from libs.telemetry.tracing import extract, span

log = logging.getLogger(__name__)


class FactConsumer(DurableConsumer):
    """Gives each fact to `handle`, and acks it when that returns. Facts may come twice and in any order.

    When `handle` raises, the fact comes again a little later, and the next ones go on. One that can't be read
    becomes a dead letter.
    """

    def __init__(
        self, bus: Bus, handle: Callable[[Fact], Awaitable[None]], *, on_death: OnDeath | None = None
    ) -> None:
        self._apply = handle
        super().__init__(bus, subjects.FACTS, subjects.LEDGER_CONSUMER, self._on_message, on_death=on_death)

    async def _on_message(self, message: Msg) -> None:
        try:
            fact = decode(message.data, Fact)
        except Malformed as error:
            log.error("a fact can't be read: %s", error)
            delivery = Delivery(
                message_id=f"{subjects.FACTS}:{message.metadata.sequence.stream}",
                kind="fact",
                origin=head.read(message.headers),
            )
            await self._bus.publish_dead(letter_of(delivery, error.code, datetime.now(UTC)))
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
            await self._apply(fact)
