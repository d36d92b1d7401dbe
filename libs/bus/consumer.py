"""Taking messages from a durable consumer, one after the other: what facts and advisories have in common."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg

from libs.bus.connection import TRANSIENT, Bus
from libs.bus.loops import Loops, OnDeath
from libs.bus.pull import Puller

log = logging.getLogger(__name__)

BATCH = 16
WAIT_S = 2.0
RETRY_S = 0.25
LONGEST_RETRY_S = 10.0


def retry_after(deliveries: int) -> float:
    """Seconds until a message whose handling failed comes again: 0.25, 0.5, ... at most 10."""
    return float(min(RETRY_S * 2 ** min(max(deliveries - 1, 0), 16), LONGEST_RETRY_S))


class DurableConsumer:
    """Gives each message to `handle`; acks when it returns, tries again later when it raises."""

    def __init__(
        self,
        bus: Bus,
        stream: str,
        consumer: str,
        handle: Callable[[Msg], Awaitable[None]],
        *,
        on_death: OnDeath | None = None,
    ) -> None:
        self._bus = bus
        self._handle = handle
        self._name = consumer
        self._loops = Loops(bus, on_death)
        self._puller = Puller(bus, stream, consumer, hoard_s=bus.ack_wait_s / 2)
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Begin to take messages."""
        self._loops.repeat(self._name, self._step)

    async def check(self) -> None:
        """Raises Retryable when the loop has died, or is not started."""
        self._loops.check()

    async def stop(self, grace_s: float = 5.0) -> None:
        """Finish the message in hand, within the grace, and give back those that wait behind it."""
        self._loops.stopping.set()
        for message in await self._puller.close():
            await _quietly(message.nak())
        await self._loops.join(timeout_s=grace_s)

    async def _step(self) -> None:
        messages = await self._puller.pull(batch=BATCH) or await self._puller.pull(wait_s=WAIT_S)
        for message in messages:
            if self._loops.stopping.is_set():
                await _quietly(message.nak())
            else:
                await self._take(message)

    async def _take(self, message: Msg) -> None:
        beating = asyncio.create_task(self._beat(message))
        try:
            await self._handle(message)
        except Exception:
            wait = retry_after(message.metadata.num_delivered)
            log.exception("%s: a message is tried again in %.2f s", self._name, wait)
            await _quietly(message.nak(delay=wait))
        else:
            await _quietly(message.ack())
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self, message: Msg) -> None:
        while True:
            await asyncio.sleep(self._bus.ack_wait_s / 3)
            await _quietly(message.in_progress())


async def _quietly(word: Awaitable[None]) -> None:
    """A word to the stream; when it is lost, the message comes again."""
    try:
        await word
    except TRANSIENT as error:
        log.warning("an answer to the stream was lost: %s", error)
