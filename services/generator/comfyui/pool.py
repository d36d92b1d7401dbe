"""The pool: who of those that wait gets which server, and when.

It tells the scheduler what happens and does what it says. A server is given to one piece of work at a time, plus
one queued ahead; with several generators, the slots in the bus's bucket keep them to that.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec

from libs.bus.drains import Drains
from libs.bus.records import Outrun
from libs.cache import Cache, MemoryCache
from libs.contracts.errors import Permanent, Retryable
from libs.contracts.pool import PoolReport
from services.generator.comfyui.draining import Draining
from services.generator.comfyui.keeper import Keeper
from services.generator.comfyui.learned import Learned
from services.generator.comfyui.members import Members
from services.generator.comfyui.report import report_of
from services.generator.comfyui.roster import Roster
from services.generator.comfyui.scheduler import Assignment, Scheduler
from services.generator.comfyui.server import Server
from services.generator.comfyui.slots import RENEW_S, SLOTS, Slots
from services.generator.comfyui.twins import Twins
from services.generator.comfyui.waiting import Waiting
from services.generator.comfyui.workflow import Workflow

LOOK_AGAIN_S = 2.0
"""How often it is looked whether what waits can still be done, and whether others' slots have come free."""
SENT_S = 1.0
"""How often it is put together which prompts are ours."""
PATIENCE_S = 600.0
"""How long work waits while no server that can do it is there and fit."""
FORGIVEN_S = 60.0
"""A server that failed is tried again when no other one was fit for so long."""

log = logging.getLogger(__name__)


class Pool:
    """An async context manager; made and used in one loop. workflows: those that may be asked for.

    process: any text that no other process has. canary: a workflow that needs no model. drains: which servers an
    operator wants left alone; None: none.
    """

    def __init__(
        self,
        members: Members,
        workflows: Mapping[str, Workflow],
        slots: Slots,
        *,
        process: str,
        canary: Workflow,
        learned: Learned | None = None,
        cache: Cache | None = None,
        drains: Drains | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.learned = learned or Learned()
        self.roster = Roster(members, workflows, process, cache or MemoryCache())
        self.roster.on_came = self._came
        self.roster.on_went = self._went
        self.roster.on_looked = self._looked
        self._keeper = Keeper(canary, slots, self._fit_all)
        self._slots = slots
        self._process = process
        self._draining = None if drains is None else Draining(drains, self._drains_changed)
        self._twins = Twins()
        self._sent_to: dict[str, str] = {}
        self._sent_at = -math.inf
        self._scheduler = Scheduler(self.learned)
        self._wanted: dict[str, tuple[Waiting, asyncio.Future[Server]]] = {}
        self._held: dict[str, str] = {}
        """Works that hold a slot, and on which server."""
        self._resident: dict[str, str] = {}
        """By server, the models of the last work that was given to it."""
        self._given: dict[str, str] = {}
        """The same, as the workflow with its profile."""
        self._switching: set[str] = set()
        self._epochs: dict[str, str] = {}
        """Servers that the scheduler knows, with the epoch that they had when it was told."""
        self._patience_s = patience_s
        self._began = self._last_fit = time.monotonic()
        """When any server was last found there and fit for work; at first when the pool began."""
        self._fit_at: dict[str, float] = {}
        """The same of each that belongs to it."""
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        if self._draining is not None:
            await self._draining.look()
        await self.roster.__aenter__()
        self._loops = [self._start(self._dispatch(), "dispatch"), self._start(self._renew(), "slots")]
        if self._draining is not None:
            self._loops.append(self._start(self._draining.follow(), "drains"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._keeper.close()
        await self.roster.__aexit__(kind, error, trace)

    async def check(self) -> None:
        """Readiness. Raises Retryable("no_gpu_server") while no server answers."""
        if not self.roster.present:
            raise Retryable("no_gpu_server")
        if any(loop.done() for loop in self._loops):
            raise Retryable("unexpected", "A loop of the pool has died.")

    def report(self) -> PoolReport:
        """The servers as they stand now, for operators."""
        held = list(self._held.values())
        servers = tuple(
            report_of(
                server,
                self._keeper.state(server),
                drained=self._is_drained(server.name),
                ours=held.count(server.name),
                loaded=self._given.get(server.name, ""),
            )
            for server in sorted(self.roster.servers.values(), key=lambda one: one.name)
        )
        return PoolReport(generator=self._process, waiting=len(self._scheduler), servers=servers)

    # What work asks for.

    async def acquire(self, waiting: Waiting) -> Server:
        """Wait for a server, with a slot on it: to be given back by `release`.

        Raises Permanent("workflow_missing_model") and the like when no server could ever do it, and
        Retryable("no_gpu_server") when none has been there for a long while.
        """
        given: asyncio.Future[Server] = asyncio.get_running_loop().create_future()
        self._wanted[waiting.id] = waiting, given
        self._scheduler.add(waiting)
        self._wake.set()
        try:
            while not given.done():
                waiting = self._possible(waiting)
                await asyncio.wait((given,), timeout=LOOK_AGAIN_S)
        except BaseException:
            given.cancel()
            if self._wanted.get(waiting.id, (None, None))[1] is given:  # else the same is wanted anew already
                del self._wanted[waiting.id]
                self._scheduler.remove(waiting.id)
                await self.release(waiting.id)
            raise
        del self._wanted[waiting.id]
        return given.result()

    async def adopt(self, waiting: Waiting, name: str) -> Server | None:
        """The server where the work's prompt is already; None when it doesn't belong to the pool.

        Raises Retryable("no_gpu_server") when nobody can tell who belongs to it.
        """
        if self.roster.find(name) is None:
            try:
                async with asyncio.timeout(self._patience_s):
                    await self.roster.known.wait()
            except TimeoutError as error:
                raise Retryable("no_gpu_server", "The servers' names can't be looked up.") from error
        await self._taken(name, waiting.id)  # whatever came of it, the prompt is there
        server = self.roster.find(name)
        if server is None:
            await self._free(name, waiting.id)
            return None
        self._held[waiting.id] = name
        if name in self._epochs:
            self._scheduler.adopt(waiting, name, time.monotonic())
        return server

    async def release(self, work: str, *, keep_slot: bool = False) -> None:
        """The work needs its server no more. keep_slot: another generator goes on with it there."""
        self._scheduler.ended(work, time.monotonic())
        name = self._held.pop(work, None)
        self._switching.discard(work)
        server = None if name is None else self.roster.servers.get(name)
        if server is not None:
            self._keeper.ended(server)
        self._wake.set()
        if name is not None and not keep_slot:
            await self._free(name, work)

    async def must_hold(self, work: str) -> None:
        """Raises Outrun when `lost`."""
        if await self.lost(work):
            raise Outrun

    async def lost(self, work: str) -> bool:
        """Whether another generator has taken the work up, as it does with one that seems to be dead.

        While the bus is away, nobody can have.
        """
        name = self._held.get(work)
        try:
            return name is not None and await self._slots.lost(name, work)
        except Retryable:
            return False

    def started(self, work: str) -> None:
        """Its prompt runs from now on."""
        self._scheduler.started(work, time.monotonic())
        self._wake.set()

    def switches(self, work: str) -> bool:
        """Whether its server had to load other models for it."""
        return work in self._switching

    def refuse(self, server: Server, ability: str, error: Permanent) -> None:
        """The server said no to what it seemed able to do."""
        self.roster.refuse(server, ability, error)

    def failed(self, server: Server) -> None:
        """The server has failed an attempt."""
        if self.roster.servers.get(server.name) is server:
            self._keeper.failed(server)

    def _possible(self, waiting: Waiting) -> Waiting:
        """What waits, with its exclusions dropped where no other server is left. Raises as `acquire`."""
        reason = self.roster.why_not(waiting.need.ability)
        if reason is not None:
            raise reason
        able = self.roster.able(waiting.need)
        if self.roster.seen and not able and not self.roster.awaited:
            raise Permanent("gpu_out_of_memory", "No server has more GPU memory.")
        self._must_not_be_alone(able)
        others = [
            name
            for name in able - waiting.excluded
            if self._unfit_for(name) < FORGIVEN_S and not self._is_drained(name)
        ]
        if able and waiting.excluded and not others and self._scheduler.waiting(waiting.id):
            waiting = msgspec.structs.replace(waiting, excluded=frozenset())
            self._wanted[waiting.id] = waiting, self._wanted[waiting.id][1]
            self._scheduler.add(waiting)
            self._wake.set()
        return waiting

    def _must_not_be_alone(self, able: frozenset[str]) -> None:
        if any(map(self._is_drained, able)):  # whoever drained it lets it in again
            return
        if min(map(self._unfit_for, able), default=time.monotonic() - self._last_fit) > self._patience_s:
            raise Retryable("no_gpu_server")

    def _unfit_for(self, name: str) -> float:
        """For how many seconds a server has not been seen there and fit for work."""
        return time.monotonic() - self._fit_at.get(name, self._began)

    # What servers tell.

    def _came(self, server: Server) -> None:
        """Tell the scheduler what it is. What it was given stays its own, unless it was started anew."""
        lost = self._scheduler.server_up(
            server.name,
            cls=server.cls,
            vram=server.vram,
            abilities=self.roster.abilities(server.name),
            models=self._resident.get(server.name) if self._epochs.get(server.name) == server.epoch else None,
        )
        if self._epochs.get(server.name) != server.epoch:
            self._resident.pop(server.name, None)
        else:
            for waiting in lost:
                self._scheduler.adopt(waiting, server.name, time.monotonic())
        self._epochs[server.name] = server.epoch
        self._twins.told(server.name, server.epoch)
        self._fit_all(server)

    def _went(self, server: Server) -> None:
        self._fit_all(server)
        if server.name not in self.roster.servers:
            self._twins.forget(server.name)
            self._scheduler.server_down(server.name)
            for known in (self._epochs, self._resident, self._given, self._fit_at):
                known.pop(server.name, None)
            self._keeper.forget(server.name)

    def _fit(self, server: Server) -> None:
        """Give it work, or none, as it is now."""
        drained = self._is_drained(server.name)
        if server.present and self._keeper.works(server) and not drained and not self._has_twin(server):
            self._scheduler.release(server.name)
            self._wake.set()
        else:
            self._scheduler.hold(server.name)

    def _is_drained(self, name: str) -> bool:
        """Whether it gets no new prompt since an operator said so, of any of its names."""
        drained = frozenset() if self._draining is None else self._draining.names
        return name in drained or any(self._twins.same(name, other) for other in drained)

    def _drains_changed(self) -> None:
        for server in list(self.roster.servers.values()):
            self._fit(server)

    def _has_twin(self, server: Server) -> bool:
        """Whether it is used by another name: the first of those that are fit."""
        return any(
            name < server.name
            and other.present
            and self._keeper.works(other)
            and self._twins.same(name, server.name)
            for name, other in self.roster.servers.items()
        )

    def _sent(self) -> Mapping[str, str]:
        """By prompt of ours, the server that it was sent to; as it was a moment ago."""
        if time.monotonic() - self._sent_at > SENT_S:
            self._sent_at = time.monotonic()
            self._sent_to = {
                prompt: name for name, server in self.roster.servers.items() for prompt in server.watches
            }
        return self._sent_to

    def _fit_all(self, server: Server) -> None:
        """The same for all names that it has."""
        for name, other in self.roster.servers.items():
            if other is server or self._twins.same(name, server.name):
                self._fit(other)

    def _looked(self, server: Server) -> None:
        """Prompts in its queue that are not ours, other generators' and people's, take their place too."""
        queue = (*server.queue.running, *server.queue.pending)
        others = len(queue) - sum(prompt in server.watches for prompt in queue)
        self._scheduler.occupied(server.name, min(others, SLOTS))
        if self._twins.looked(server.name, queue, self._sent()):
            for other in self.roster.servers.values():
                self._fit(other)
        busy = self._scheduler.busy(server.name) or server.name in self._held.values()
        if not self._is_drained(server.name):
            self._keeper.look(server, busy=busy)
        if self._keeper.works(server):
            self._fit_at[server.name] = self._last_fit = time.monotonic()
        self._wake.set()

    # Giving out.

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for assignment in self._scheduler.next(time.monotonic()):
                self._start(self._grant(assignment), f"grants {assignment.id}")

    async def _grant(self, assignment: Assignment) -> None:
        """Take a slot, and tell the one who waits. Without one, the work waits again."""
        work, name = assignment.id, assignment.server
        waiting, given = self._wanted.get(work, (None, None))
        if waiting is None or given is None or given.done():
            self._scheduler.ended(work, time.monotonic())
            return
        taken = await self._taken(name, work)
        if given.done():  # nobody waits for it any more
            if taken and self._held.get(work) != name:
                await self._free(name, work)
            return
        server = None if self._is_drained(name) else self.roster.servers.get(name)
        if taken and server is None:
            await self._free(name, work)
        if taken and server is not None:
            self._held[work] = name
            if self._resident.get(name) != waiting.models:
                self._resident[name] = waiting.models
                self._switching.add(work)
            self._given[name] = waiting.need.ability
            given.set_result(server)
        else:
            self._scheduler.ended(work, time.monotonic())
            self._scheduler.occupied(name, SLOTS)
            self._scheduler.add(self._wanted[work][0])

    async def _taken(self, name: str, work: str) -> bool:
        """Whether it has a slot there now."""
        try:
            return await self._slots.take(name, work)
        except Retryable as error:
            log.warning("no slot of %s can be taken: %s", name, error)
        except Exception:
            log.exception("no slot of %s can be taken", name)
        return False

    async def _free(self, name: str, work: str) -> None:
        try:
            await asyncio.shield(self._slots.free(name, work))
        except Retryable as error:
            log.warning("a slot of %s comes free only when it runs out: %s", name, error)

    async def _renew(self) -> None:
        """Keep our slots; those of a generator that does so no more come free."""
        while True:
            await asyncio.sleep(RENEW_S)
            for work, name in list(self._held.items()):
                try:
                    if not await self._slots.keep(name, work):
                        log.warning("%s goes on without a slot of %s", work, name)
                except Retryable as error:
                    log.warning("a slot of %s can't be renewed: %s", name, error)
                except Exception:  # whatever it is: the other slots are to be kept
                    log.exception("a slot of %s can't be renewed", name)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"pool {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
