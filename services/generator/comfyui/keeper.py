"""Keeps servers fit for work: sick ones are taken out, worn ones free their memory, a canary lets both in again.

A canary takes a slot like any other work, so that all generators together keep to theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import uuid4

from libs.contracts.errors import Retryable
from services.generator.comfyui.answers import HistoryEntry
from services.generator.comfyui.binding import bind
from services.generator.comfyui.breaker import Breaker, State, Step
from services.generator.comfyui.canary import MOST_BYTES, VALUES, is_well
from services.generator.comfyui.errors import ComfyError
from services.generator.comfyui.graph import document_of
from services.generator.comfyui.server import Server
from services.generator.comfyui.slots import Slots
from services.generator.comfyui.truth import Done
from services.generator.comfyui.workflow import Workflow

EVERY_S = 1.0
REMEMBERED_S = 3600.0
CANARY_S = 60.0
"""How long a canary may take; a server that loads models on the side is slow."""

log = logging.getLogger(__name__)


class Keeper:
    """The breakers of all servers. canary: a workflow that needs no model.

    on_change: told of a server that is taken out or let in again.
    """

    def __init__(self, canary: Workflow, slots: Slots, on_change: Callable[[Server], None]) -> None:
        self._canary = canary
        self._slots = slots
        self._on_change = on_change
        self._breakers: dict[str, Breaker] = {}
        self._gone: dict[str, Breaker] = {}
        """Of unfit servers that have left."""
        self._steps: set[asyncio.Task[None]] = set()

    def works(self, server: Server) -> bool:
        """Whether it may be given work."""
        return self._of(server).state is State.WORKING

    def state(self, server: Server) -> State:
        """Its standing."""
        return self._of(server).state

    def failed(self, server: Server) -> None:
        """It has failed us."""
        before = self.works(server)
        self._of(server).failed(time.monotonic())
        if before and not self.works(server):
            log.warning("%s is taken out after several failures", server.name)
            self._on_change(server)

    def ended(self, server: Server) -> None:
        """A prompt of ours has left it."""
        before = self.works(server)
        stats = server.stats
        memory = 0.0 if stats is None or not stats.ram_total else 1.0 - stats.ram_free / stats.ram_total
        self._of(server).ended(time.monotonic(), memory)
        if before and not self.works(server):
            log.info("%s gets no work until its memory is freed", server.name)
            self._on_change(server)

    def look(self, server: Server, *, busy: bool = False) -> None:
        """Do what is due with a server that answers. busy: work of ours is on the way to it."""
        idle = not (busy or server.queue.running or server.queue.pending)
        match self._of(server).next(time.monotonic(), idle=idle):
            case Step.FREE:
                self._start(self._free(server))
            case Step.CANARY:
                self._start(self._try(server))

    def forget(self, name: str) -> None:
        """The server belongs to the pool no more. One that was unfit still is when it comes back soon."""
        now = time.monotonic()
        self._gone = {each: known for each, known in self._gone.items() if now - known.since < REMEMBERED_S}
        breaker = self._breakers.pop(name, None)
        if breaker is not None and breaker.state is not State.WORKING:
            self._gone[name] = breaker

    async def close(self) -> None:
        """End what is under way."""
        for step in self._steps:
            step.cancel()
        await asyncio.gather(*self._steps, return_exceptions=True)

    async def _free(self, server: Server) -> None:
        try:
            await server.gateway.free()
            await server.refresh_stats()
        except ComfyError as error:
            log.warning("%s could not free its memory: %s", server.name, error)
            self._of(server).freed(time.monotonic(), well=False)
        else:
            if self._of(server).freed(time.monotonic(), well=True) is Step.CANARY:
                await self._try(server)

    async def _try(self, server: Server) -> None:
        """Send it a canary, if that may be sent now."""
        prompt_id = str(uuid4())
        try:
            if await self._slots.take(server.name, prompt_id):
                try:
                    well = await self._sings(server, prompt_id)
                    self._of(server).canaried(time.monotonic(), well=well)
                    if well:
                        log.info("%s gets work again", server.name)
                        self._on_change(server)
                finally:
                    await asyncio.shield(self._slots.free(server.name, prompt_id))
        except (Retryable, OSError) as error:  # the bus is away, or the disk is full
            log.warning("no canary for %s: %s", server.name, error)
        finally:
            self._of(server).put_off(time.monotonic())

    async def _sings(self, server: Server, prompt_id: str) -> bool:
        """Whether the canary's picture comes in time, and is one. Raises OSError when the disk is full."""
        watch = server.open(prompt_id, server.epoch)
        try:
            graph = bind(self._canary, VALUES, prefix=f"beatloom/{prompt_id}")
            async with asyncio.timeout(CANARY_S):
                await server.gateway.submit(document_of(graph), prompt_id)
                watch.accepted(time.monotonic())
                while not watch.over:
                    await server.changed.wait()
                if isinstance(watch.standing, Done) and await self._makes_sense(server, watch.standing.entry):
                    return True
                log.warning("the canary on %s died: %s", server.name, watch.standing)
        except (ComfyError, TimeoutError) as error:
            log.warning("the canary on %s died: %s", server.name, str(error) or "it took too long")
        finally:
            server.close(prompt_id)
        with contextlib.suppress(ComfyError):
            await server.gateway.cancel(prompt_id, wait_s=0.0)
        return False

    async def _makes_sense(self, server: Server, entry: HistoryEntry) -> bool:
        """Whether what came is what was ordered."""
        output = self._canary.output
        files = entry.files(output.node, tuple(f".{kind}" for kind in output.types))
        if not files:
            return False
        with tempfile.TemporaryDirectory(prefix="beatloom-canary-") as folder:
            path = Path(folder) / "canary.png"
            await server.gateway.download(files[0], path, largest=MOST_BYTES)
            return is_well(path.read_bytes())

    def _of(self, server: Server) -> Breaker:
        found = self._breakers.get(server.name)
        if found is None:
            found = self._gone.pop(server.name) if server.name in self._gone else Breaker()
            self._breakers[server.name] = found
        return found

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="keeps a server")
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)
