"""One kind of task: its two consumers, whose turn it is, and how many may be in work."""

from __future__ import annotations

import asyncio
import contextlib

from nats.aio.msg import Msg

from libs.bus.connection import TRANSIENT
from libs.bus.pull import Puller
from libs.contracts.tasks import TaskKind

WAIT_S = 1.0
LOW_FIRST_EVERY = 8


class Lane:
    """The two consumers of one kind, and how many of its tasks may be in work."""

    def __init__(self, kind: TaskKind, high: Puller, low: Puller, concurrency: int) -> None:
        self.kind = kind
        self.high = high
        self.low = low
        self.room = asyncio.Semaphore(concurrency)
        self._fetches = 0

    async def fetch(self) -> Msg | None:
        """The next task: high before low, but every eighth time low before high; waits a second at most.

        The wait is on both, or a low task would lie there for up to a second while its worker is idle.
        """
        self._fetches += 1
        first, second = (self.high, self.low)
        if self._fetches % LOW_FIRST_EVERY == 0:
            first, second = second, first
        found = await first.pull() or await second.pull() or await self._wait()
        return found[0] if found else None

    async def _wait(self) -> list[Msg]:
        pulls = [asyncio.create_task(puller.pull(wait_s=WAIT_S)) for puller in (self.high, self.low)]
        try:
            await asyncio.wait(pulls, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.high.give_up()
            self.low.give_up()
            ends = await asyncio.gather(*pulls, return_exceptions=True)
        found = [message for end in ends if isinstance(end, list) for message in end]
        for surplus in found[1:]:
            with contextlib.suppress(*TRANSIENT):
                await surplus.nak()
        if not found:
            for end in ends:
                if isinstance(end, BaseException):
                    raise end
        return found
