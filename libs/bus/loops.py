"""Loops that run until they are stopped: what fails for a while is tried again, what dies is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import nats.errors

from libs.bus.connection import TRANSIENT, Bus, backoff
from libs.bus.pull import PullFailed
from libs.contracts.errors import Retryable

log = logging.getLogger(__name__)

OnDeath = Callable[[BaseException], None]


class Loops:
    """The background tasks of one consumer. The first death is kept, told once, and makes `check` raise."""

    def __init__(self, bus: Bus, on_death: OnDeath | None = None) -> None:
        self.stopping = asyncio.Event()
        self._bus = bus
        self._on_death = on_death
        self._death: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def repeat(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        """Run `step` again and again. Errors of the bus wait and go on; any other ends the loop for good."""
        self._start(name, self._repeat(name, step))

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    async def _repeat(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while not self.stopping.is_set():
            try:
                if self._bus.client.is_closed:
                    raise nats.errors.ConnectionClosedError
                await step()
                failures = 0
            except nats.errors.ConnectionClosedError:
                if self.stopping.is_set():
                    return
                raise
            except (Retryable, *TRANSIENT) as error:
                failures += 1
                log.warning("%s: %s", name, str(error) or type(error).__name__)
                await self._mend(error)
                await self.pause(backoff(failures))

    async def _mend(self, error: Exception) -> None:
        if isinstance(error, PullFailed) and error.gone and self._bus.connected:
            try:
                await self._bus.ensure_topology()
            except Retryable as still:
                log.warning("%s", still)

    async def pause(self, seconds: float) -> None:
        """Sleep, but not beyond the stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self.stopping.is_set() and (task.cancelled() or task.exception() is None):
            return
        death = (None if task.cancelled() else task.exception()) or RuntimeError("cancelled from outside")
        log.error("the loop %s died", task.get_name(), exc_info=death)
        if self._death is None:
            self._death = death
            if self._on_death is not None:
                self._on_death(death)

    def check(self) -> None:
        """Raises Retryable when nothing was started, or a loop has died."""
        if self._death is not None:
            raise Retryable("unexpected", "A consumer has died.") from self._death
        if not self._tasks or self.stopping.is_set():
            raise Retryable("unexpected", "The consumers are not running.")

    async def join(self, timeout_s: float) -> None:
        """Wait for the loops after `stopping` is set; cancel those that take longer."""
        self.stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
