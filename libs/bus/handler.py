"""What a service gives to the bus: for each kind of task a plain function from the task to facts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from libs.contracts.facts import Usage, WorkFact
from libs.contracts.messages import Progress
from libs.contracts.tasks import Task
from libs.money.amounts import Micros, amount_of, micros_of

PROGRESS_EVERY_S = 0.25

Why = Literal["ended", "stopped"]
"""Why a handler is cancelled: its run has ended, or the process stops and somebody else goes on with the work."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a piece of work has cost elsewhere."""

    gpu_seconds: float = 0.0
    cost: Micros = 0
    characters: int = 0
    """Spoken by a server."""
    tokens: int = 0
    """Of a language model."""


class TaskContext:
    """What a handler may tell while it works. It belongs to the event loop: call it from there only."""

    def __init__(self, task: Task, emit: Callable[[Progress], None] | None = None) -> None:
        """emit: takes each progress message that is let through; None drops them."""
        self.task = task
        self.cpu_seconds = 0.0
        self._bills: dict[str, Bill] = {}
        self.reused = False
        self.cancelled: Why | None = None
        """Set before the handler is cancelled. What it has elsewhere is called off only when the run `ended`."""
        self.alive: Callable[[], bool] = lambda: True
        """Asked before each heartbeat: False holds it back, until another worker was given the task, once for each
        silence (see `flight.heartbeats`). This one goes on with it all the same."""
        self._emit = emit
        self._sent_at = -PROGRESS_EVERY_S
        self._waiting: Progress | None = None
        self._timer: asyncio.TimerHandle | None = None

    def progress(self, fraction: float, message: str = "") -> None:
        """The task is so far, 0..1. At most four a second go out: of those between, the latest."""
        if self._emit is None:
            return
        self._waiting = Progress(
            job_id=self.task.job_id,
            run=self.task.run,
            task=self.task.task,
            attempt=self.task.attempt,
            fraction=min(max(fraction, 0.0), 1.0),
            message=message,
        )
        wait = self._sent_at + PROGRESS_EVERY_S - time.monotonic()
        if wait <= 0:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._flush)

    def spend(self, cpu_seconds: float) -> None:
        """Add CPU time, of children too."""
        self.cpu_seconds += cpu_seconds

    def bill(self, work: str, bill: Bill) -> None:
        """What a piece of the work has cost so far, by its name. It replaces the bill before of the same name, and
        counts however the task ends."""
        self._bills[work] = bill

    def bill_of(self, work: str) -> Bill:
        """As it was told last."""
        return self._bills.get(work, Bill())

    @property
    def billed(self) -> Bill:
        """What all of it has cost so far."""
        bills = self._bills.values()
        return Bill(
            gpu_seconds=sum(bill.gpu_seconds for bill in bills),
            cost=sum(bill.cost for bill in bills),
            characters=sum(bill.characters for bill in bills),
            tokens=sum(bill.tokens for bill in bills),
        )

    @property
    def usage(self) -> Usage:
        """The same, with the CPU time."""
        billed = self.billed
        return Usage(
            cpu_seconds=self.cpu_seconds,
            gpu_seconds=billed.gpu_seconds,
            cost=amount_of(billed.cost),
            characters=billed.characters,
            tokens=billed.tokens,
        )

    def take_over(self, usage: Usage) -> None:
        """A delivery of the same task that died before its fact had been told has spent this."""
        bill = Bill(
            gpu_seconds=usage.gpu_seconds,
            cost=micros_of(usage.cost),
            characters=usage.characters,
            tokens=usage.tokens,
        )
        self.bill("taken over", bill)

    def mark_reused(self) -> None:
        """The result existed; nothing was done."""
        self.reused = True

    def close(self) -> None:
        """Nothing is sent after this."""
        self._emit = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._timer = None
        if self._emit is not None and self._waiting is not None:
            self._sent_at = time.monotonic()
            self._emit(self._waiting)
            self._waiting = None


Handler = Callable[[Task, TaskContext], Awaitable[list[WorkFact]]]
"""Takes a task, returns the facts of its success, or raises an error of `libs.contracts.errors`.

It may be called twice for the same task, at the same time too, and may be cancelled at any await."""


Abandon = Callable[[Task], Awaitable[None]]
"""Calls off what an earlier worker left elsewhere for a task whose run has ended. May raise, may be slow."""
