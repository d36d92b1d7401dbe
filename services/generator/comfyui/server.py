"""One server of the pool while it is used: what it can do, whether it is there, and our prompts on it.

Its queue and history are asked each second while prompts of ours are open, at once when the websocket says that
one has ended or that it is connected anew, and now and then otherwise. What the websocket says is taken for
progress only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from types import TracebackType
from typing import Any, Protocol, Self

from libs.cache import Cache
from services.generator.comfyui import events
from services.generator.comfyui.ability import GB, ServerFacts
from services.generator.comfyui.address import Address, client_id
from services.generator.comfyui.answers import Queue, SystemStats
from services.generator.comfyui.errors import ComfyError, Unreachable
from services.generator.comfyui.gateway import Gateway
from services.generator.comfyui.refusals import Refusals
from services.generator.comfyui.stream import EventStream
from services.generator.comfyui.truth import Sighting
from services.generator.comfyui.watch import Watch

BUSY_S = 1.0
"""How often a server is asked while prompts of ours are open."""
IDLE_S = 5.0
ZOMBIE_S = 30.0
"""A socket that says nothing for so long while a prompt of ours runs is replaced."""
FACTS_S = 300.0
"""How often it is asked what it can do: model files come and go while it runs."""
AWAY_AFTER = 2
"""Calls in a row without an answer, after which it counts as away."""
DROPPED_S = 60.0
"""How long it is looked for a prompt that is not wanted: its order may still be on the way."""

log = logging.getLogger(__name__)


class Listener(Protocol):
    """Told, in the loop, what changes about a server."""

    def came(self, server: Server) -> None:
        """It answers, for the first time, again, or as one that was started anew: its facts are there."""

    def went(self, server: Server) -> None:
        """It doesn't answer."""

    def looked(self, server: Server) -> None:
        """It was asked, and answered."""


class Server:
    """The server at `address`. An async context manager; made and used in one loop.

    process: see `address.client_id`. cache: for what it can do, which all generators ask.
    """

    def __init__(self, address: Address, process: str, listener: Listener, cache: Cache) -> None:
        self.address = address
        self.name = address.name
        self.gateway = Gateway(address, client_id(process, address))
        self.facts: ServerFacts | None = None
        self.stats: SystemStats | None = None
        self.epoch = ""
        self.queue = Queue()
        self.present = False
        """Whether it answered last time."""
        self.watches: dict[str, Watch] = {}
        self.changed = asyncio.Event()
        """Set, and replaced by another one, whenever something about a watch changes."""
        self._events = EventStream(address, self.gateway.client_id, self._on_event)
        self._listener = listener
        self._cache = cache
        self._learned_at = 0.0
        self._failures = 0
        self._refusals = Refusals()
        self._dropped: dict[str, float] = {}
        """Prompts that nobody wants, and since when."""
        self._hurry = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._events.__aenter__()
        self._asking = asyncio.create_task(self._ask(), name=f"asks {self.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._events.__aexit__(kind, error, trace)
        await self.gateway.close()

    @property
    def heard(self) -> bool:
        """Whether its events reach us now."""
        return self._events.connected

    @property
    def dead(self) -> bool:
        """Whether it has refused for so long that its process, and with it its queue, must be gone."""
        return self._refusals.dead

    @property
    def cls(self) -> str:
        """The name of its device, for what is learned about servers of that kind."""
        if self.stats is None or not self.stats.devices:
            return "unknown"
        name = self.stats.devices[0].name
        return " ".join(name.replace("cuda:0 ", "").partition(" : ")[0].split()) or "unknown"

    @property
    def vram(self) -> int:
        """Bytes of memory of its largest device; that of the machine where it has no GPU."""
        if self.stats is None:
            return 0
        gpus = [device.vram_total for device in self.stats.devices if device.type != "cpu"]
        return max(gpus, default=self.stats.ram_total)

    def open(self, prompt_id: str, epoch: str) -> Watch:
        """Watch a prompt from now on. epoch: the server's when the prompt was sent."""
        watch = self.watches.setdefault(prompt_id, Watch(prompt_id, epoch, time.monotonic()))
        self.hurry()
        return watch

    def close(self, prompt_id: str) -> None:
        """Watch it no more."""
        self.watches.pop(prompt_id, None)

    def drop(self, prompt_id: str) -> None:
        """Nobody wants the prompt: it is stopped as soon as the server can be told."""
        self._dropped[prompt_id] = time.monotonic()
        self.hurry()

    def doubt(self) -> None:
        """It left somebody without an answer: it counts as away until it answers."""
        if self.present:
            self.present = False
            self._listener.went(self)
        self.hurry()

    def hurry(self) -> None:
        """Ask the server soon."""
        self._hurry.set()

    async def refresh_stats(self) -> None:
        """Ask anew how much memory is in use. Raises ComfyError."""
        self.stats = await self.gateway.stats()

    # Asking.

    async def _ask(self) -> None:
        while True:
            self._hurry.clear()
            try:
                await self._look()
            except ComfyError as error:
                self._missed(error)
            except Exception as error:  # whatever it is: nobody would look at the server's prompts any more
                log.exception("%s could not be asked", self.name)
                self._missed(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s):
                    await self._hurry.wait()

    @property
    def _pause_s(self) -> float:
        if self._refusals.count:
            return self._refusals.pause_s
        return BUSY_S if self.watches or self._dropped or not self.present else IDLE_S

    async def _look(self) -> None:
        queue = await self.gateway.queue()
        absent = any(prompt_id not in queue for prompt_id in self.watches)
        epoch = self.epoch
        if absent or not self.present or not epoch:
            epoch = await self.gateway.epoch()
        anew = not self.present or epoch != self.epoch
        if anew or time.monotonic() - self._learned_at > FACTS_S:
            anew |= await self._learn(epoch)
        self.queue, self._failures = queue, 0
        self._refusals.over()
        self.present, self.epoch = True, epoch
        if anew:
            self._listener.came(self)
        changed = False
        for watch in list(self.watches.values()):
            there = watch.prompt_id in queue
            try:
                entry = None if there else await self.gateway.history(watch.prompt_id)
            except ComfyError as error:  # what can't be said of one prompt says nothing of the others
                log.warning("%s: the history of %s can't be read: %s", self.name, watch.prompt_id, error)
                continue
            changed |= watch.saw(Sighting(queue=queue, history=entry), epoch, time.monotonic())
        if changed:
            self._tell()
        if self._events.quiet_s > ZOMBIE_S and any(prompt in self.watches for prompt in queue.running):
            log.info("%s tells nothing; its socket is replaced", self.name)
            self._events.renew()
        self._listener.looked(self)
        await self._stop_dropped()

    async def _stop_dropped(self) -> None:
        for prompt_id, since in list(self._dropped.items()):
            if prompt_id in self.queue:
                with contextlib.suppress(ComfyError):
                    await self.gateway.cancel(prompt_id, wait_s=0.0)
            elif time.monotonic() - since > DROPPED_S:
                del self._dropped[prompt_id]

    async def _learn(self, epoch: str) -> bool:
        """What it is and can, which may have changed. True when it has."""
        before, self.stats = self.facts, await self.gateway.stats()
        info = await self._object_info(epoch)
        self.facts = ServerFacts(object_info=info, version=self.stats.version, vram=self.vram)
        self._learned_at = time.monotonic()
        if self.facts == before:
            return False
        log.info("%s: %s, %.0f GB, ComfyUI %s", self.name, self.cls, self.vram / GB, self.stats.version)
        return True

    async def _object_info(self, epoch: str) -> dict[str, Any]:
        """Megabytes, which generators fetch once for all, where they share a cache."""
        key = f"comfyui/object_info/{self.name}/{epoch}"
        cached = await self._cache.get(key) if epoch else None
        if cached is not None:
            with contextlib.suppress(ValueError):
                return dict(json.loads(cached))  # limits of inputs are larger than what msgpack takes
        found = await self.gateway.object_info()
        if epoch:
            await self._cache.put(key, json.dumps(found).encode(), FACTS_S)
        return found

    def _missed(self, error: Exception) -> None:
        self._failures += 1
        if isinstance(error, Unreachable) and error.refused:
            self._refusals.refused(time.monotonic())
        else:
            self._refusals.over()
        if self._failures >= AWAY_AFTER and self.present:
            log.warning("%s does not answer: %s", self.name, error)
            self.present = False
            self._listener.went(self)
        self._tell()

    # Listening.

    def _on_event(self, event: events.Event) -> None:
        now = time.monotonic()
        match event:
            case events.Connected() | events.Finished():
                self.hurry()
            case events.Executing(prompt_id=prompt_id) if prompt_id in self.watches:
                self.watches[prompt_id].began(now)
                self._tell()
            case events.Progress(prompt_id=prompt_id, value=value, maximum=maximum) if prompt_id in self.watches:
                self.watches[prompt_id].stepped(value, maximum, now)
                self._tell()

    def _tell(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()
