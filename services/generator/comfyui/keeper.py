"""Keeps servers fit for work: sick ones are taken out, worn ones free their memory, a canary lets both in again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

from services.generator.comfyui.binding import bind
from services.generator.comfyui.breaker import Breaker, State, Step
from services.generator.comfyui.errors import ComfyError
from services.generator.comfyui.graph import document_of
from services.generator.comfyui.server import Server
from services.generator.comfyui.truth import Done
from services.generator.comfyui.workflow import Workflow

EVERY_S = 1.0
CANARY_S = 60.0
"""How long a canary may take; a server that loads models on the side is slow."""

log = logging.getLogger(__name__)


class Keeper:
    """The breakers of all servers. canary: a workflow that needs no model.

    on_change: told of a server that is taken out or let in again.
    """

    def __init__(self, canary: Workflow, on_change: Callable[[Server], None]) -> None:
        self._canary = canary
        self._on_change = on_change
        self._breakers: dict[str, Breaker] = {}
        self._steps: set[asyncio.Task[None]] = set()

    def works(self, server: Server) -> bool:
        """Whether it may be given work."""
        return self._of(server).state is State.WORKING

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

    def look(self, server: Server) -> None:
        """Do what is due with a server that answers."""
        idle = not server.queue.running and not server.queue.pending
        match self._of(server).next(time.monotonic(), idle=idle):
            case Step.FREE:
                self._start(self._free(server))
            case Step.CANARY:
                self._start(self._try(server))

    def forget(self, name: str) -> None:
        """The server belongs to the pool no more."""
        self._breakers.pop(name, None)

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
        well = False
        prompt_id = str(uuid4())
        watch = server.open(prompt_id, server.epoch)
        try:
            graph = bind(self._canary, {"seed": 0}, prefix=f"beatloom/{prompt_id}")
            async with asyncio.timeout(CANARY_S):
                await server.gateway.submit(document_of(graph), prompt_id)
                watch.accepted(time.monotonic())
                while not watch.over:
                    await server.changed.wait()
            well = isinstance(watch.standing, Done)
        except (ComfyError, TimeoutError) as error:
            log.warning("the canary on %s died: %s", server.name, error or "it took too long")
        finally:
            server.close(prompt_id)
        if not well:
            with contextlib.suppress(ComfyError):
                await server.gateway.cancel(prompt_id, wait_s=0.0)
        self._of(server).canaried(time.monotonic(), well=well)
        if well:
            log.info("%s gets work again", server.name)
            self._on_change(server)

    def _of(self, server: Server) -> Breaker:
        return self._breakers.setdefault(server.name, Breaker())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="keeps a server")
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)
