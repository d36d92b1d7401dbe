"""From a prompt that was sent to its entry in the history: how long it may be silent, stand still and cost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from libs.bus.handler import TaskContext
from libs.bus.records import Held
from libs.contracts.errors import BudgetExceeded
from services.generator.comfyui.answers import HistoryEntry
from services.generator.comfyui.clocks import StallClock, ceiling
from services.generator.comfyui.errors import Unreachable
from services.generator.comfyui.graph import model_set
from services.generator.comfyui.lease import Lease, bill_of
from services.generator.comfyui.policy import OverBudget, Stalled
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.refusals import REFUSED_S
from services.generator.comfyui.request import Request
from services.generator.comfyui.server import Server
from services.generator.comfyui.truth import Done, Failed, Lost, Running
from services.generator.comfyui.watch import Watch
from services.generator.costs import Costs

AWAY_S = 60.0
"""How long a server may say nothing of a prompt before it is given up."""
LIFE_S = 30.0
"""How old a sign of life of a prompt may be for our own heartbeats to go on."""
TICK_S = 1.0
SLEPT_S = 15.0
"""Between two looks, after which it was we who were away: stopped, or with a machine that slept."""


@dataclass
class Placed:
    """An attempt that stands, with a slot on its server."""

    server: Server
    held: Held[Lease]
    fresh: bool
    """Opened now: nothing can have been sent yet."""
    ran: float = 0.0
    """Seconds that the prompt has run, as far as was seen."""
    ended_at: datetime | None = None
    """When it stopped running; None: just now."""
    longest_gap: float = 0.0
    """Between two steps, in seconds."""

    @property
    def lease(self) -> Lease:
        """As it was read or written."""
        return self.held.value


class Follower:
    """Follows prompts, and learns from those that went well."""

    def __init__(self, pool: Pool, costs: Costs) -> None:
        self._pool = pool
        self._costs = costs
        self._under_way: Counter[str] = Counter()
        """Prompts of each task."""

    def expected(self, request: Request) -> float:
        """Seconds of work, on a server of the usual kind."""
        return self._pool.learned.seconds(request.workflow.name, request.size, request.prior_s)

    async def follow(self, request: Request, placed: Placed, watch: Watch, context: TaskContext) -> HistoryEntry:
        """Until the prompt is done. Raises ComfyError: what ended it otherwise.

        Our own heartbeats go out only while its server shows that it lives.
        """
        context.alive = lambda: time.monotonic() - watch.seen_at < LIFE_S
        task = context.task.message_id
        self._under_way[task] += 1
        try:
            return await self._until_done(request, placed, watch, context)
        finally:
            context.alive = lambda: True
            self._under_way[task] -= 1
            self._under_way += Counter()  # forgets those at 0

    async def _until_done(
        self, request: Request, placed: Placed, watch: Watch, context: TaskContext
    ) -> HistoryEntry:
        server = placed.server
        expected, told = self.expected(request), False
        clock: StallClock | None = None
        moves = 0
        before = time.monotonic()
        while True:
            changed = server.changed
            match watch.standing:
                case Done(entry=entry):
                    return entry
                case Failed(error=error) | Lost(error=error):
                    raise error
                case Running() if not told:
                    told = True
                    self._pool.started(request.work)
            now = time.monotonic()
            if now - before > SLEPT_S:
                watch.seen_at = now
                clock = None
            before = now
            must_be_there(server, watch.seen_at, now)
            self._must_be_paid(request, placed, watch, context)
            if watch.running_since is not None:
                clock = clock or self._clock(request, server, now)
                if watch.moves > moves:
                    moves = watch.moves
                    clock.progressed(now)
                elif not (server.heard and moves):  # silence says nothing where nothing can be heard
                    clock.deaf(now)
                self._must_get_on(request, clock, watch, now)
                placed.longest_gap = clock.longest
                context.progress(min(0.9, watch.ran(now) / max(expected, 1.0)), request.workflow.title)
            await until_changed(changed)

    def _must_be_paid(self, request: Request, placed: Placed, watch: Watch, context: TaskContext) -> None:
        """Tell what it has cost so far. Raises OverBudget shortly before it is too much.

        While its server is silent it may run, for all we know.
        """
        now, cls, ended = time.monotonic(), placed.server.cls, placed.lease.ended
        ran = watch.ran(now)
        context.bill(request.work, bill_of(ended, seconds=ran, cost=self._costs.of(cls, ran)))
        silent = 0.0 if watch.running_since is not None else now - watch.seen_at
        try:
            prompts = self._under_way[context.task.message_id]
            self._costs.must_go_on(context, cls, self._costs.of(cls, silent), prompts=prompts)
        except BudgetExceeded as error:
            raise OverBudget(error.message) from error

    def _clock(self, request: Request, server: Server, now: float) -> StallClock:
        learned = self._pool.learned
        switch = learned.switch(model_set(request.workflow.graph)) if self._pool.switches(request.work) else 0.0
        gap = learned.gap(request.workflow.name, request.size, server.cls)
        return StallClock(since=now, gap=gap, switch=switch)

    def _must_get_on(self, request: Request, clock: StallClock, watch: Watch, now: float) -> None:
        """Raises Stalled."""
        if clock.stalled(now):
            raise Stalled(f"no step for {now - clock.since:.0f} s")
        spread = self._pool.learned.spread(request.workflow.name, request.size)
        if watch.ran(now) > ceiling(self.expected(request), spread, clock.switch):
            raise Stalled(f"it has run for {watch.ran(now):.0f} s")

    def learn(self, request: Request, placed: Placed, watch: Watch) -> None:
        """What it took: loading up to the first step, work from there on."""
        learned, name, size, cls = self._pool.learned, request.workflow.name, request.size, placed.server.cls
        if not placed.fresh or watch.running_since is None or watch.first_step_at is None:
            return
        learned.took(name, size, cls, time.monotonic() - watch.first_step_at, request.prior_s)
        learned.stepped(name, size, cls, placed.longest_gap)
        if self._pool.switches(request.work):
            models = model_set(request.workflow.graph_of(placed.lease.profile))
            learned.switched(models, watch.first_step_at - watch.running_since)


def must_be_there(server: Server, seen_at: float, now: float) -> None:
    """Raises Unreachable for a server that has died since, or was last seen too long ago."""
    if server.dead:
        raise Unreachable(f"{server.name} is dead: nobody answers there", after=REFUSED_S, reached=True)
    if now - seen_at > AWAY_S:
        raise Unreachable(f"{server.name} is silent", after=AWAY_S, reached=True)


async def until_changed(changed: asyncio.Event) -> None:
    """Wait until something about the server has changed, or some time has gone by."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TICK_S):
            await changed.wait()
