"""One piece of work through as many prompts as it takes: lease, send, follow, fetch, look at what came.

Whatever happens to this process, the lease says where the work stands; whatever happens to the websocket, the
server's queue and history say what is true. Nothing is sent before its lease is written, and nothing that the lease
doesn't name is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from libs.bus.handler import TaskContext
from libs.bus.records import Held, Outrun
from libs.contracts.errors import BeatloomError, BudgetExceeded, Permanent
from libs.runtime.workers import WorkerPool
from services.generator.comfyui.answers import HistoryEntry
from services.generator.comfyui.binding import bind
from services.generator.comfyui.clocks import StallClock, ceiling
from services.generator.comfyui.conform import inspect
from services.generator.comfyui.errors import (
    ComfyError,
    InvalidGraph,
    MissingInput,
    OutOfMemory,
    OutputGone,
    PromptLost,
    Unreachable,
)
from services.generator.comfyui.graph import document_of, model_set
from services.generator.comfyui.lease import EndedAttempt, Lease, Leases, closed, opened
from services.generator.comfyui.limits import fit_size
from services.generator.comfyui.policy import BadOutput, CalledOff, OverBudget, Stalled, code_of, next_attempt
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.request import Exhausted, Rendered, Request
from services.generator.comfyui.roster import ability_of
from services.generator.comfyui.server import Server
from services.generator.comfyui.truth import Done, Failed, Lost, Running
from services.generator.comfyui.waiting import Need, Waiting
from services.generator.comfyui.watch import Watch
from services.generator.comfyui.workflow import FULL

AWAY_S = 60.0
"""How long a server may say nothing of a prompt before it is given up."""
LIFE_S = 30.0
"""How old a sign of life of a prompt may be for our own heartbeats to go on."""
TICK_S = 1.0
CALL_OFF_S = 3.0
INSPECT_S = 300.0
MESSAGE_CHARS = 500

log = logging.getLogger(__name__)


@dataclass
class _Placed:
    """An attempt that stands, with a slot on its server."""

    server: Server
    held: Held[Lease]
    fresh: bool
    """Opened now: nothing can have been sent yet."""
    ran: float = 0.0
    """Seconds that the prompt has run, as far as was seen."""
    longest_gap: float = 0.0
    """Between two steps, in seconds."""

    @property
    def lease(self) -> Lease:
        """As it was read or written."""
        return self.held.value


class Prompter:
    """prices: for an hour of a server class, in the currency of the budget; "" for all others.

    budget: what any task may cost; 0: no limit but the task's own.
    """

    def __init__(
        self,
        pool: Pool,
        leases: Leases,
        workers: WorkerPool,
        *,
        prices: Mapping[str, float] | None = None,
        budget: float = 0.0,
    ) -> None:
        self._pool = pool
        self._leases = leases
        self._workers = workers
        self._prices = prices or {}
        self._budget = budget
        self._uploads: set[tuple[str, str, str]] = set()
        """Server, its epoch, and the name of a file that is there."""

    async def make(self, request: Request, folder: Path, context: TaskContext) -> Rendered:
        """The file of the request, in `folder`. Cancelling it calls the prompt off when the run has ended.

        Raises Exhausted, BudgetExceeded, what `Pool.acquire` raises, Retryable("bus_unavailable"), OSError when the
        disk is full.
        """
        while True:
            held = await self._leases.get(request.work)
            try:
                if held is not None and held.value.open:
                    placed = await self._resume(request, held)
                else:
                    placed = await self._begin(request, held, context)
            except Outrun:
                continue
            try:
                return await self._attempt(request, placed, folder, context)
            except ComfyError as error:
                await self._end(request, placed, error, context)
            except asyncio.CancelledError:
                if context.cancelled == "ended":
                    await self._call_off(placed)
                raise
            finally:
                await self._pool.release(request.work, keep_slot=context.cancelled == "stopped")

    async def call_off(self, work: str) -> None:
        """Stop what an earlier process has left for this work, if anything. Raises Retryable.

        A server that can't be asked now finishes it for nobody.
        """
        held = await self._leases.get(work)
        if held is None or not held.value.open:
            return
        server = self._pool.roster.servers.get(held.value.server)
        if server is not None:
            with contextlib.suppress(ComfyError):
                await server.gateway.cancel(held.value.prompt_id, wait_s=CALL_OFF_S)
        with contextlib.suppress(Outrun):
            await self._leases.put(closed(held.value, self._ended(held.value, CalledOff(), server, 0.0)), held)

    # Attempts.

    async def _begin(self, request: Request, held: Held[Lease] | None, context: TaskContext) -> _Placed:
        before = None if held is None else held.value
        ended = () if before is None else before.ended
        if self._over_budget(ended, context):
            self._charge(ended, context)
            raise BudgetExceeded(f"A scene may cost {self._ceiling(context):.2f} on GPU servers.")
        plan = next_attempt(request.workflow, ended, request.work)
        if plan is None:
            self._charge(ended, context)
            raise Exhausted(request.workflow, ended)
        await asyncio.sleep(plan.wait_s)
        waiting = self._waiting(request, plan.profile, plan.least_vram, plan.excluded)
        server = await self._pool.acquire(waiting)
        try:
            lease = opened(
                before,
                work=request.work,
                workflow=request.workflow.name,
                profile=plan.profile or self._pool.roster.profile(server.name, request.workflow) or FULL,
                seed=request.seed + plan.seed_shift,
                server=server.name,
                epoch=server.epoch,
                at=datetime.now(UTC),
            )
            return _Placed(server, await self._leases.put(lease, held), fresh=True)
        except BaseException:
            await self._pool.release(request.work)
            raise

    async def _resume(self, request: Request, held: Held[Lease]) -> _Placed:
        """Take up the attempt that an earlier process, or an earlier delivery, has left. Raises Outrun."""
        lease = held.value
        server = await self._pool.adopt(self._waiting(request, lease.profile, 0, frozenset()), lease.server)
        if server is not None:
            log.info("%s goes on with prompt %s on %s", request.work, lease.prompt_id, lease.server)
            return _Placed(server, held, fresh=False)
        error = Unreachable(f"{lease.server} belongs to the pool no more", after=0.0, reached=True)
        await self._leases.put(closed(lease, self._ended(lease, error, None, 0.0)), held)
        raise Outrun

    def _waiting(self, request: Request, profile: str, least_vram: int, excluded: frozenset[str]) -> Waiting:
        workflow = request.workflow
        graph = workflow.graph_of(profile or FULL)
        return Waiting(
            id=request.work,
            models=model_set(graph),
            seconds=self._expected(request),
            since=time.monotonic(),
            group=request.group,
            need=Need(ability_of(workflow.name, profile), least_vram),
            excluded=excluded,
        )

    async def _attempt(self, request: Request, placed: _Placed, folder: Path, context: TaskContext) -> Rendered:
        server, lease = placed.server, placed.lease
        watch = server.open(lease.prompt_id, lease.epoch)
        try:
            if placed.fresh:
                await self._send(request, placed, watch)
            try:
                entry = await self._follow(request, placed, watch, context)
            except PromptLost as error:
                if placed.fresh or error.reason != "never_arrived":
                    raise
                server.close(lease.prompt_id)
                watch = server.open(lease.prompt_id, lease.epoch)
                await self._send(request, placed, watch)
                entry = await self._follow(request, placed, watch, context)
            path = await self._fetch(request, placed, entry, folder)
            await self._inspect(request, path)
        finally:
            placed.ran = watch.ran(time.monotonic())
            server.close(lease.prompt_id)
        if entry.seconds is not None:
            placed.ran = entry.seconds
        self._learn(request, placed, watch)
        last = self._ended(lease, None, server, placed.ran)
        self._charge((*lease.ended, last), context)
        return Rendered(path=path, seed=lease.seed, server=server.name, ended=lease.ended)

    async def _send(self, request: Request, placed: _Placed, watch: Watch) -> None:
        """Upload its files, then put the prompt into the queue. A lost answer is no error: `_follow` will see."""
        server, lease, workflow = placed.server, placed.lease, request.workflow
        values = dict(request.values) | {"seed": lease.seed}
        if isinstance(width := values.get("width"), int) and isinstance(height := values.get("height"), int):
            values["width"], values["height"] = fit_size(workflow.limits_of(lease.profile), width, height)
        for parameter, path in request.files.items():
            values[parameter] = await self._upload(server, path)
        try:
            graph = bind(workflow, values, prefix=f"beatloom/{lease.prompt_id}", profile=lease.profile)
            await server.gateway.submit(document_of(graph), lease.prompt_id)
        except Unreachable as error:
            if not error.reached:
                raise
            log.info("whether %s took %s is not known: %s", server.name, lease.prompt_id, error)
        except MissingInput:
            self._uploads = {one for one in self._uploads if one[0] != server.name}
            raise
        else:
            watch.accepted(time.monotonic())
        server.hurry()

    async def _upload(self, server: Server, path: Path) -> str:
        """The file's name on the server. It is named by its bytes, so that it is sent once."""
        data = await asyncio.to_thread(path.read_bytes)
        name = f"beatloom-{hashlib.sha256(data).hexdigest()[:32]}{path.suffix}"
        key = (server.name, server.epoch, name)
        if key in self._uploads:
            return name
        found = await server.gateway.upload(path, name)
        if found == name:
            self._uploads.add(key)
        return found

    async def _follow(self, request: Request, placed: _Placed, watch: Watch, context: TaskContext) -> HistoryEntry:
        """Until the prompt is done. Raises ComfyError: what ended it otherwise.

        Our own heartbeats go out only while its server shows that it lives.
        """
        context.alive = lambda: time.monotonic() - watch.seen_at < LIFE_S
        try:
            return await self._until_done(request, placed, watch, context)
        finally:
            context.alive = lambda: True

    async def _until_done(
        self, request: Request, placed: _Placed, watch: Watch, context: TaskContext
    ) -> HistoryEntry:
        server = placed.server
        expected, told = self._expected(request), False
        clock: StallClock | None = None
        moves = 0
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
            if now - watch.seen_at > AWAY_S:
                raise Unreachable(f"{server.name} is silent", after=AWAY_S, reached=True)
            if watch.running_since is not None:
                clock = clock or self._clock(request, server, now)
                if watch.moves > moves:
                    moves = watch.moves
                    clock.progressed(now)
                elif not (server.heard and moves):  # silence says nothing where nothing can be heard
                    clock.deaf(now)
                self._must_get_on(request, clock, watch, now)
                if self._over_budget(placed.lease.ended, context, self._cost(server, watch.ran(now))):
                    raise OverBudget(f"it may cost {self._ceiling(context):.2f}")
                placed.longest_gap = clock.longest
                context.progress(min(0.9, watch.ran(now) / max(expected, 1.0)), request.workflow.title)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await changed.wait()

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
        if watch.ran(now) > ceiling(self._expected(request), spread, clock.switch):
            raise Stalled(f"it has run for {watch.ran(now):.0f} s")

    async def _fetch(self, request: Request, placed: _Placed, entry: HistoryEntry, folder: Path) -> Path:
        output = request.workflow.output
        files = entry.files(output.node, tuple(f".{kind}" for kind in output.types))
        if not files:
            raise OutputGone("(none was named)")
        name = hashlib.sha256(placed.lease.prompt_id.encode()).hexdigest()[:16]
        target = folder / f"{name}{Path(files[0].filename).suffix.lower()}"
        await placed.server.gateway.download(files[0], target)
        return target

    async def _inspect(self, request: Request, path: Path) -> None:
        """Raises BadOutput for a file that is of no use."""
        found = await self._workers.run(inspect, path, request.frames, timeout_s=INSPECT_S)
        if found.value.fault:
            raise BadOutput(f"{found.value.fault}: {found.value.message}")

    # Ends.

    async def _end(self, request: Request, placed: _Placed, error: ComfyError, context: TaskContext) -> None:
        """The attempt gave nothing. Raises Retryable("bus_unavailable")."""
        server, lease = placed.server, placed.lease
        log.warning("%s: attempt %d on %s: %s", request.work, lease.attempt, server.name, error)
        if not isinstance(error, InvalidGraph):
            with contextlib.suppress(ComfyError):
                await server.gateway.cancel(lease.prompt_id, wait_s=0.0)
        if isinstance(error, InvalidGraph) and not isinstance(error, MissingInput):
            reason = Permanent(code_of(error), f"{server.name}: {error}")
            self._pool.refuse(server, ability_of(lease.workflow), reason)
            self._pool.refuse(server, ability_of(lease.workflow, lease.profile), reason)
        if isinstance(error, OutOfMemory):
            with contextlib.suppress(ComfyError):
                await server.gateway.free()
        if error.infrastructure:
            self._pool.failed(server)
        end = self._ended(lease, error, server, placed.ran)
        with contextlib.suppress(Outrun):
            await self._leases.put(closed(lease, end), placed.held)

    def _ended(self, lease: Lease, error: ComfyError | None, server: Server | None, ran: float) -> EndedAttempt:
        return EndedAttempt(
            server=lease.server,
            workflow=lease.workflow,
            profile=lease.profile,
            vram=0 if server is None else server.vram,
            code="" if error is None else code_of(error),
            message=str(error or "")[:MESSAGE_CHARS],
            at=datetime.now(UTC),
            gpu_seconds=ran,
            cost=self._cost(server, ran),
            infrastructure=error is not None and error.infrastructure,
        )

    def _cost(self, server: Server | None, seconds: float) -> float:
        return 0.0 if server is None else seconds / 3600 * self._prices.get(server.cls, self._prices.get("", 0.0))

    def _over_budget(self, ended: Sequence[EndedAttempt], context: TaskContext, running: float = 0.0) -> bool:
        """Whether the task has cost too much, with what runs and what was charged for its other pieces."""
        spent = context.cost + sum(one.cost for one in ended) + running
        return spent > 0 and spent >= self._ceiling(context)

    def _ceiling(self, context: TaskContext) -> float:
        """What the task may cost: its own ceiling, or the setting's where that is lower."""
        own = getattr(context.task.body, "ceiling", None)
        return min(math.inf if own is None else own, self._budget or math.inf)

    def _charge(self, attempts: Sequence[EndedAttempt], context: TaskContext) -> None:
        context.spend_gpu(sum(one.gpu_seconds for one in attempts), sum(one.cost for one in attempts))

    def _learn(self, request: Request, placed: _Placed, watch: Watch) -> None:
        """What it took: loading up to the first step, work from there on."""
        learned, name, size, cls = self._pool.learned, request.workflow.name, request.size, placed.server.cls
        if not placed.fresh or watch.running_since is None or watch.first_step_at is None:
            return
        learned.took(name, size, cls, time.monotonic() - watch.first_step_at, request.prior_s)
        learned.stepped(name, size, cls, placed.longest_gap)
        if self._pool.switches(request.work):
            models = model_set(request.workflow.graph_of(placed.lease.profile))
            learned.switched(models, watch.first_step_at - watch.running_since)

    def _expected(self, request: Request) -> float:
        return self._pool.learned.seconds(request.workflow.name, request.size, request.prior_s)

    async def _call_off(self, placed: _Placed) -> None:
        end = self._ended(placed.lease, CalledOff(), placed.server, placed.ran)
        with contextlib.suppress(ComfyError, BeatloomError, Outrun):
            await asyncio.shield(placed.server.gateway.cancel(placed.lease.prompt_id, wait_s=CALL_OFF_S))
            await self._leases.put(closed(placed.lease, end), placed.held)
