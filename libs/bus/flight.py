"""One task in work: heartbeats, the handler, and what ends it early."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from nats.aio.msg import Msg

from libs.bus.connection import TRANSIENT
from libs.bus.handler import Handler, TaskContext, Why
from libs.bus.settle import Done, Ended, Failed, GivenBack, Outcome
from libs.contracts.facts import Usage, WorkFact
from libs.contracts.tasks import Task

log = logging.getLogger(__name__)

CLEAN_UP_S = 8.0
"""How long a cancelled handler may take to kill its children and remove its files."""
HELD_BACK = 3.5
"""For how many intervals, of three an `ack_wait`, work without a sign of life holds its heartbeats back: for as
long as it takes that another worker is given the task once. After that they go on: a long silence costs one
delivery."""
SILENT_DELIVERIES = 5
"""From this delivery on none is held back: the rest of `max_deliver` is for workers that die."""


class Flight:
    """A delivered task on its way through a handler.

    When the server delivers the task again meanwhile (heartbeats were lost), `message` is replaced by the newer
    delivery: one piece of work, answered once.
    """

    def __init__(self, message: Msg, task: Task, context: TaskContext) -> None:
        self.message = message
        self.task = task
        self.context = context
        self._began = time.monotonic()
        self._why: Why | None = None
        self._early = asyncio.Event()

    def end_early(self, why: Why) -> None:
        """Cancel the handler: the run has ended, or the process stops. The first reason stands."""
        if self._why is None:
            self._why = self.context.cancelled = why
            self._early.set()

    async def run(self, handler: Handler) -> Outcome:
        """Call the handler. Never raises what it raises; a cancelled one gets some time to clean up."""
        if self._why is None:
            running = asyncio.ensure_future(handler(self.task, self.context))
            try:
                await self._until_done(running)
            finally:
                self.context.close()
                running.cancel()
            if self._why is None:
                return _outcome_of(running)
        return Ended() if self._why == "ended" else GivenBack()

    async def _until_done(self, running: asyncio.Future[list[WorkFact]]) -> None:
        early = asyncio.ensure_future(self._early.wait())
        try:
            await asyncio.wait((running, early), return_when=asyncio.FIRST_COMPLETED)
        finally:
            early.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait((running,), timeout=CLEAN_UP_S)
        if not running.done():
            log.error("a cancelled handler of %s does not end", self.task.kind)
        running.add_done_callback(_look_at)

    @property
    def usage(self) -> Usage:
        """What it has cost so far."""
        wall_seconds = time.monotonic() - self._began
        return msgspec.structs.replace(self.context.usage, wall_seconds=wall_seconds, reused=self.context.reused)


@asynccontextmanager
async def heartbeats(every_s: float, flight: Flight) -> AsyncIterator[None]:
    """Tell the server each `every_s` that the message is still being worked on.

    While the context is not alive, some are held back, until the task was delivered once more.
    """

    async def beat() -> None:
        silence: tuple[float, Msg] | None = None
        while True:
            await asyncio.sleep(every_s)
            if flight.context.alive():
                silence = None
            else:
                silence = silence or (time.monotonic(), flight.message)
                if _holds_back(silence, flight.message, every_s):
                    continue
            try:
                await flight.message.in_progress()
            except TRANSIENT as error:
                log.debug("a heartbeat was lost: %s", error)

    beating = asyncio.create_task(beat(), name="heartbeat")
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


def _holds_back(silence: tuple[float, Msg], message: Msg, every_s: float) -> bool:
    """silence: when it began, and the delivery that was in work."""
    since, delivery = silence
    if message is not delivery or message.metadata.num_delivered >= SILENT_DELIVERIES:
        return False
    return time.monotonic() - since < HELD_BACK * every_s


def _outcome_of(running: asyncio.Future[list[WorkFact]]) -> Outcome:
    if running.cancelled():
        return Failed(RuntimeError("the handler was cancelled from within"))
    error = running.exception()
    return Done(running.result()) if error is None else Failed(error)


def _look_at(running: asyncio.Future[list[WorkFact]]) -> None:
    """Whatever a cancelled handler raised is of no interest; asyncio complains when nobody looks."""
    if not running.cancelled():
        running.exception()
