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
import time
from datetime import UTC, datetime
from pathlib import Path

from libs.bus.handler import TaskContext
from libs.bus.records import Held, Outrun
from libs.contracts.errors import BeatloomError, BudgetExceeded, Permanent, Retryable
from libs.money.amounts import amount_of
from libs.runtime.workers import WorkerPool
from services.generator.comfyui.answers import HistoryEntry
from services.generator.comfyui.binding import bind
from services.generator.comfyui.conform import inspect
from services.generator.comfyui.errors import (
    ComfyError,
    InvalidGraph,
    MissingInput,
    OutOfMemory,
    PromptLost,
    Unreachable,
)
from services.generator.comfyui.following import Follower, Placed, must_be_there, until_changed
from services.generator.comfyui.graph import document_of, model_set
from services.generator.comfyui.lease import EndedAttempt, Lease, Leases, bill_of, closed, opened
from services.generator.comfyui.policy import BadOutput, CalledOff, code_of, next_attempt
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.request import Exhausted, Rendered, Request, digest_of, values_of
from services.generator.comfyui.roster import ability_of
from services.generator.comfyui.server import Server
from services.generator.comfyui.truth import entry_of
from services.generator.comfyui.uploads import Inputs, Uploads
from services.generator.comfyui.waiting import Need, Waiting
from services.generator.comfyui.watch import Watch
from services.generator.comfyui.workflow import FULL
from services.generator.costs import Costs
from services.generator.voice.sound_sent import why_no_sound

CALL_OFF_S = 3.0
INSPECT_S = 300.0
CLOCKS_S = 2.0
"""By which the clocks of two machines may differ within a prompt."""
MESSAGE_CHARS = 500

log = logging.getLogger(__name__)


class Prompter:
    """Makes files of requests, by the servers of a pool."""

    def __init__(self, pool: Pool, leases: Leases, workers: WorkerPool, costs: Costs | None = None) -> None:
        """costs: what prompts cost, and tasks may; None: nothing costs."""
        self._pool = pool
        self._leases = leases
        self._workers = workers
        self._costs = costs or Costs()
        self._follower = Follower(pool, self._costs)
        self._uploads = Uploads()

    async def make(self, request: Request, inputs: Inputs, folder: Path, context: TaskContext) -> Rendered:
        """The file of the request, in `folder`. Cancelling it calls the prompt off when the run has ended.

        inputs: the request's files. Raises Exhausted, BudgetExceeded, what `Pool.acquire` raises,
        Retryable("bus_unavailable"), OSError when the disk is full.
        """
        while True:
            held = await self._leases.get(request.work)
            try:
                if held is not None and held.value.open:
                    placed = await self._resume(request, inputs, held, context)
                else:
                    placed = await self._begin(request, inputs, held, context)
            except Outrun:
                continue
            try:
                return await self._attempt(request, inputs, placed, folder, context)
            except Outrun:
                log.info("%s: attempt %d stands no more", request.work, placed.lease.attempt)
            except ComfyError as error:
                if not await self._pool.lost(request.work):  # else another goes on with it, while we slept
                    await self._end(request, placed, error)
            except asyncio.CancelledError:
                if context.cancelled == "ended":
                    with contextlib.suppress(BeatloomError):
                        await self._fence(placed.held, CalledOff(), placed)
                raise
            finally:
                await self._pool.release(request.work, keep_slot=context.cancelled == "stopped")

    async def call_off(self, work: str) -> None:
        """Stop what an earlier process has left for this work, if anything. Raises Retryable.

        A server that can't be asked now finishes it for nobody.
        """
        held = await self._leases.get(work)
        if held is not None and held.value.open:
            await self._fence(held, CalledOff())

    # Attempts.

    async def _begin(
        self, request: Request, inputs: Inputs, held: Held[Lease] | None, context: TaskContext
    ) -> Placed:
        before = None if held is None else held.value
        ended = () if before is None else before.ended
        context.bill(request.work, bill_of(ended))
        if ended and ended[-1].code == BudgetExceeded().code:
            raise BudgetExceeded(ended[-1].message)
        if context.billed.cost:
            self._costs.must_afford(context, 1)
        plan = next_attempt(request.workflow, ended, request.work)
        if plan is None:
            raise Exhausted(request.workflow, ended)
        await asyncio.sleep(plan.wait_s)
        waiting = self._waiting(request, plan.profile, plan.least_vram, plan.excluded)
        server = await self._pool.acquire(waiting)
        try:
            self._costs.must_go_on(context, server.cls)
            epoch = await _epoch_of(server)
            profile = plan.profile or self._pool.roster.profile(server.name, request.workflow) or FULL
            lease = opened(
                before,
                work=request.work,
                workflow=request.workflow.name,
                profile=profile,
                seed=request.seed + plan.seed_shift,
                server=server.name,
                epoch=epoch,
                at=datetime.now(UTC),
                request=digest_of(request, inputs, profile),
            )
            return Placed(server, await self._leases.put(lease, held), fresh=True)
        except BaseException:
            await self._pool.release(request.work)
            raise

    async def _resume(self, request: Request, inputs: Inputs, held: Held[Lease], context: TaskContext) -> Placed:
        """Take up the attempt that an earlier process, or an earlier delivery, has left. Raises Outrun."""
        lease = held.value
        if lease.request and lease.request != _digest_now(request, inputs, lease.profile):
            await self._fence(held, CalledOff("it was sent for another graph than is wanted now"))
            raise Outrun
        try:
            server = await self._pool.adopt(self._waiting(request, lease.profile, 0, frozenset()), lease.server)
        except asyncio.CancelledError:
            if context.cancelled == "ended":
                await self._fence(held, CalledOff())
            raise
        if server is not None:
            log.info("%s goes on with prompt %s on %s", request.work, lease.prompt_id, lease.server)
            return Placed(server, held, fresh=False)
        await self._fence(held, Unreachable(f"{lease.server} belongs to the pool no more", after=0.0, reached=True))
        raise Outrun

    def _waiting(self, request: Request, profile: str, least_vram: int, excluded: frozenset[str]) -> Waiting:
        workflow = request.workflow
        graph = workflow.graph_of(profile or FULL)
        return Waiting(
            id=request.work,
            models=model_set(graph),
            seconds=self._follower.expected(request),
            since=request.since,
            group=request.group,
            need=Need(ability_of(workflow.name, profile), least_vram),
            excluded=excluded,
        )

    async def _attempt(
        self, request: Request, inputs: Inputs, placed: Placed, folder: Path, context: TaskContext
    ) -> Rendered:
        server, lease = placed.server, placed.lease
        watch = server.open(lease.prompt_id, lease.epoch)
        try:
            if placed.fresh:
                await self._send(request, inputs, placed, watch)
            try:
                entry = await self._follower.follow(request, placed, watch, context)
            except PromptLost as error:
                if placed.fresh or error.reason != "never_arrived":
                    raise
                server.close(lease.prompt_id)
                watch = server.open(lease.prompt_id, lease.epoch)
                await self._send(request, inputs, placed, watch)
                entry = await self._follower.follow(request, placed, watch, context)
            await self._must_stand(placed)
            path = await self._fetch(request, placed, entry, folder)
            await self._inspect(request, path)
        finally:
            placed.ran, placed.ended_at = run_of(watch, lease)
            server.close(lease.prompt_id)
            attempts = (*lease.ended, self._ended(lease, None, server, placed))
            context.bill(request.work, bill_of(attempts))
        self._follower.learn(request, placed, watch)
        return Rendered(path=path, seed=lease.seed, server=server.name, ended=lease.ended)

    async def _send(self, request: Request, inputs: Inputs, placed: Placed, watch: Watch) -> None:
        """Put the prompt into the queue. A lost answer is no error: who follows it will see."""
        server = placed.server
        watch.sending()
        try:
            try:
                await self._submit(request, inputs, placed)
            except MissingInput:  # refused as a whole: what we sent earlier is gone
                self._uploads.forget(server)
                await self._submit(request, inputs, placed)
        except Unreachable as error:
            if not error.reached:
                raise
            log.info("whether %s took %s is not known: %s", server.name, placed.lease.prompt_id, error)
            watch.sent(time.monotonic())
        else:
            watch.accepted(time.monotonic())
        server.hurry()

    async def _submit(self, request: Request, inputs: Inputs, placed: Placed) -> None:
        server, lease = placed.server, placed.lease
        values = values_of(request, lease.profile, lease.seed) | await self._uploads.put(server, inputs)
        graph = bind(request.workflow, values, prefix=f"beatloom/{lease.prompt_id}", profile=lease.profile)
        await self._pool.must_hold(lease.work)
        await server.gateway.submit(document_of(graph), lease.prompt_id)

    async def _must_stand(self, placed: Placed) -> None:
        """Raises Outrun when another generator has ended the attempt: what came of it is not used.

        While the bus is away, nobody can have.
        """
        try:
            held = await self._leases.read(placed.lease.work)
        except Retryable:
            return
        if held is not None and held.revision != placed.held.revision:
            raise Outrun

    async def _fetch(self, request: Request, placed: Placed, entry: HistoryEntry, folder: Path) -> Path:
        """The file that it made. A server that dies now still has it when it is back: it is waited for a while."""
        output, server = request.workflow.output, placed.server
        files = entry.files(output.node, tuple(f".{kind}" for kind in output.types))
        if not files:
            raise BadOutput("it made no file")
        name = hashlib.sha256(placed.lease.prompt_id.encode()).hexdigest()[:16]
        target = folder / f"{name}{Path(files[0].filename).suffix.lower()}"
        began = time.monotonic()
        while True:
            changed = server.changed
            try:
                await server.gateway.download(files[0], target)
            except Unreachable:
                must_be_there(server, began, time.monotonic())
                await until_changed(changed)
            else:
                return target

    async def _inspect(self, request: Request, path: Path) -> None:
        """Raises BadOutput for a file that is of no use."""
        if request.workflow.output.media == "audio":
            message = (await self._workers.run(why_no_sound, path, timeout_s=INSPECT_S)).value
            if message:
                raise BadOutput(message)
            return
        found = await self._workers.run(inspect, path, request.frames, timeout_s=INSPECT_S)
        if found.value.fault:
            raise BadOutput(f"{found.value.fault}: {found.value.message}")

    # Ends.

    async def _end(self, request: Request, placed: Placed, error: ComfyError) -> None:
        """The attempt gave nothing. Raises Retryable("bus_unavailable")."""
        server, lease = placed.server, placed.lease
        log.warning("%s: attempt %d on %s: %s", request.work, lease.attempt, server.name, error)
        if not isinstance(error, InvalidGraph):
            server.drop(lease.prompt_id)
        elif not isinstance(error, MissingInput):
            reason = Permanent(code_of(error), f"{server.name}: {error}")
            for profile in ("", lease.profile):
                self._pool.refuse(server, ability_of(lease.workflow, profile), reason)
        if isinstance(error, OutOfMemory):
            with contextlib.suppress(ComfyError):
                await server.gateway.free()
        if isinstance(error, Unreachable):
            server.doubt()
        if error.infrastructure:
            self._pool.failed(server)
        with contextlib.suppress(Outrun):
            await self._leases.put(closed(lease, self._ended(lease, error, server, placed)), placed.held)

    async def _fence(self, held: Held[Lease], error: ComfyError, placed: Placed | None = None) -> None:
        """End an attempt that nobody wants: its prompt is stopped as soon as its server can be told."""
        lease = held.value
        server = self._pool.roster.find(lease.server)
        if server is not None:
            server.drop(lease.prompt_id)
            with contextlib.suppress(ComfyError, TimeoutError):
                async with asyncio.timeout(CALL_OFF_S):
                    await server.gateway.cancel(lease.prompt_id, wait_s=CALL_OFF_S)
        with contextlib.suppress(Outrun):
            await self._leases.put(closed(lease, self._ended(lease, error, server, placed)), held)

    def _ended(
        self, lease: Lease, error: ComfyError | None, server: Server | None, placed: Placed | None
    ) -> EndedAttempt:
        """placed: None: nobody has seen it run."""
        ran, ended_at = (placed.ran, placed.ended_at) if placed is not None else (0.0, None)
        cost = 0 if server is None else self._costs.of(server.cls, ran, ended_at)
        return EndedAttempt(
            server=lease.server,
            workflow=lease.workflow,
            profile=lease.profile,
            vram=0 if server is None else server.vram,
            code="" if error is None else code_of(error),
            message=str(error or "")[:MESSAGE_CHARS],
            at=datetime.now(UTC),
            gpu_seconds=ran,
            cost=amount_of(cost),
            infrastructure=error is not None and error.infrastructure,
        )


def run_of(watch: Watch, lease: Lease) -> tuple[float, datetime | None]:
    """For how many seconds the prompt ran, and when it stopped. What the server's clock says of it counts as far as
    it can be true; None: just now."""
    now, entry = datetime.now(UTC), entry_of(watch.standing)
    ran, since_sent = watch.ran(time.monotonic()), (now - lease.sent_at).total_seconds()
    if entry is None:
        return ran, None
    if entry.seconds is not None and 0 <= entry.seconds <= since_sent + CLOCKS_S:
        ran = entry.seconds
    at = entry.ended_at
    return ran, at if at is not None and lease.sent_at <= at <= now else None


async def _epoch_of(server: Server) -> str:
    """Its epoch at this moment: it may have been started anew since it was looked at. Raises Outrun without it.

    A server that doesn't answer has failed nobody yet: the work looks for another one.
    """
    try:
        return await server.gateway.epoch()
    except ComfyError as error:
        log.info("%s is left alone: %s", server.name, error)
        server.doubt()
        raise Outrun from error


def _digest_now(request: Request, inputs: Inputs, profile: str) -> str:
    """What a lease says of the request, if it was for this one; "" where the workflow can't do it any more."""
    try:
        return digest_of(request, inputs, profile)
    except Permanent:
        return ""
