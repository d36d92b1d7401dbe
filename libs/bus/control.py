"""Following the control stream: which runs have ended."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from libs.bus.connection import Bus
from libs.bus.loops import Loops
from libs.bus.pull import Puller, PullFailed
from libs.contracts import subjects
from libs.contracts.errors import Malformed, Retryable
from libs.contracts.messages import Control, decode

log = logging.getLogger(__name__)

WAIT_S = 5.0
BATCH = 256
CATCH_UP_S = 30.0
FORGOTTEN_BY_SERVER_S = 60.0
REMEMBERED = 100_000
"""Ended jobs that are kept in mind, the newest. Work for one that was forgotten would only be done for nothing."""


class ControlFollower:
    """Knows the last ended run of every job, and tells of each that ends from now on.

    It reads the last message of each subject first, then what comes; after every break it reads the last
    ones again, which is harmless, since a run that has ended stays so.
    """

    def __init__(self, bus: Bus, loops: Loops, on_end: Callable[[str, int], None]) -> None:
        """on_end: called with (job_id, ended_run) for each announcement, also for those from before."""
        self._bus = bus
        self._loops = loops
        self._on_end = on_end
        self._ended: dict[str, int] = {}
        self._puller: Puller | None = None
        self._consumer = ""
        self._behind = 0
        self._caught_up = asyncio.Event()
        self._renewed = False
        self._forget = bus.on_reconnect(self._renew)

    def start(self) -> None:
        """Begin to follow."""
        self._loops.repeat("control", self._step)

    async def caught_up(self) -> None:
        """Return when everything that stood in the stream at the start is known.

        Raises Retryable("bus_unavailable") when that takes too long.
        """
        try:
            async with asyncio.timeout(CATCH_UP_S):
                await self._caught_up.wait()
        except TimeoutError as error:
            raise Retryable("bus_unavailable", "The control stream can't be read.") from error

    def ended(self, job_id: str, run: int) -> bool:
        """True when this run takes no more work."""
        return run <= self._ended.get(job_id, -1)

    async def close(self) -> None:
        """Follow no more."""
        self._forget()
        await self._drop()

    def _renew(self) -> None:
        self._renewed = True

    async def _step(self) -> None:
        if self._renewed:
            self._renewed = False
            await self._drop()
        if self._puller is None:
            await self._begin()
        assert self._puller is not None
        try:
            messages = await self._puller.pull(batch=BATCH) or await self._puller.pull(wait_s=WAIT_S)
        except PullFailed:
            await self._drop()
            raise
        for message in messages:
            self._take(message)
        if self._behind <= 0:
            self._caught_up.set()

    async def _begin(self) -> None:
        name = f"follower-{secrets.token_hex(8)}"
        info = await self._bus.js.add_consumer(
            subjects.CONTROL,
            ConsumerConfig(
                name=name,
                filter_subjects=[subjects.CONTROL_SUBJECTS],
                deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
                ack_policy=AckPolicy.NONE,
                inactive_threshold=FORGOTTEN_BY_SERVER_S,
                mem_storage=True,
                num_replicas=1,
            ),
        )
        self._behind = info.num_pending or 0
        self._puller = Puller(self._bus, subjects.CONTROL, name, hoard_s=float("inf"))
        if self._behind == 0:
            self._caught_up.set()

    async def _drop(self) -> None:
        if self._puller is not None:
            puller, self._puller = self._puller, None
            for message in await puller.close():
                self._take(message)

    def _take(self, message: Msg) -> None:
        self._behind -= 1
        try:
            control = decode(message.data, Control)
        except Malformed as error:
            log.error("a control message can't be read: %s", error)
            return
        self._ended[control.job_id] = max(control.ended_run, self._ended.pop(control.job_id, -1))
        if len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        self._on_end(control.job_id, control.ended_run)
