"""Puts the ComfyUI backend together, from the settings to what lives as long as the bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from uuid import uuid4

from libs.bus.asking import answer
from libs.bus.connection import Bus
from libs.bus.drains import Drains
from libs.bus.handler import TaskContext
from libs.cache import open_cache
from libs.contracts import subjects
from libs.contracts.errors import Permanent, Retryable
from libs.contracts.tasks import Task
from libs.media.encoding import Quality
from libs.runtime.workplace import Workplace
from services.generator.backend import Backend, ClipOrder, RenderedClip, RenderedStill, StillOrder
from services.generator.comfyui.backend import ComfyBackend
from services.generator.comfyui.direction import chain_of, scoring, speaking, stills_of, with_continuations
from services.generator.comfyui.kept import Kept
from services.generator.comfyui.lease import Leases
from services.generator.comfyui.library import CANARY, load_library
from services.generator.comfyui.members import Members
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.prompter import Prompter
from services.generator.comfyui.recall import recalled
from services.generator.comfyui.slots import Slots
from services.generator.costs import Costs
from services.generator.settings import GeneratorSettings


class ComfyLink:
    """The backend, which needs the bus: it works within `over`. Otherwise a Backend like any other.

    Raises Permanent("bad_setting") and what a library or a chain raises.
    """

    name = ComfyBackend.name

    def __init__(self, settings: GeneratorSettings, place: Workplace, builtin: Backend, costs: Costs) -> None:
        own = Path(settings.workflows) if settings.workflows else None
        library = load_library(own)
        self._chain = chain_of(library, _listed(settings.animate))
        self._stills = stills_of(library, _listed(settings.imagine))
        self._workflows = with_continuations(library, (*self._chain, *self._stills))
        self.speaks = speaking(library, settings.voice_workflow) if settings.voice_workflow else None
        """The workflow that speaks, if one does."""
        if self.speaks is not None:
            self._workflows[self.speaks.name] = self.speaks
        self.scores = scoring(library, settings.music_workflow)
        """The workflow that makes music, if one does."""
        if self.scores is not None:
            self._workflows[self.scores.name] = self.scores
        self._canary = library.get(CANARY)
        self._members = _members(settings.comfyui_urls)
        self._redis_url = settings.shared.redis_url
        self._costs = costs
        self._place = place
        self._builtin = builtin
        self._quality = Quality(settings.shared.preset, settings.shared.crf)
        self._backend: ComfyBackend | None = None
        self._spoken: tuple[Pool, Kept] | None = None

    @asynccontextmanager
    async def over(self, bus: Bus) -> AsyncIterator[None]:
        """The pool, for as long as the block lasts."""
        place = self._place
        process = uuid4().hex
        async with (
            aclosing(open_cache(self._redis_url)) as cache,
            recalled(cache) as learned,
            Pool(
                self._members,
                self._workflows,
                Slots(bus),
                process=process,
                canary=self._canary,
                learned=learned,
                cache=cache,
                drains=Drains(bus),
            ) as pool,
        ):
            telling = await answer(bus, subjects.POOL_QUESTION, pool.report)
            prompter = Prompter(pool, Leases(bus), place.pool, self._costs)
            self._spoken = pool, Kept(prompter, place.store, place.pool)
            self._backend = ComfyBackend(
                self._stills,
                self._chain,
                self._workflows,
                pool=pool,
                prompter=prompter,
                builtin=self._builtin,
                store=place.store,
                workers=place.pool,
                scratch=place.scratch,
                quality=self._quality,
            )
            try:
                yield
            finally:
                self._backend = self._spoken = None
                await telling.stop()

    def live(self) -> tuple[Pool, Kept]:
        """What voices and music are made with. Raises Retryable("bus_unavailable") outside of `over`."""
        if self._spoken is None:
            raise _not_yet()
        return self._spoken

    @property
    def version(self) -> str:
        """See ComfyBackend."""
        return self._live.version

    async def imagine(self, order: StillOrder, context: TaskContext) -> RenderedStill:
        """See ComfyBackend."""
        return await self._live.imagine(order, context)

    async def render(self, order: ClipOrder, context: TaskContext) -> RenderedClip:
        """See ComfyBackend."""
        return await self._live.render(order, context)

    async def check(self) -> None:
        """See ComfyBackend."""
        await self._live.check()

    async def abandon(self, task: Task) -> None:
        """See ComfyBackend."""
        await self._live.abandon(task)

    @property
    def _live(self) -> ComfyBackend:
        if self._backend is None:
            raise _not_yet()
        return self._backend


def _not_yet() -> Retryable:
    return Retryable("bus_unavailable", "The bus is not connected yet.")


def _members(text: str) -> Members:
    try:
        return Members(_listed(text))
    except ValueError as error:
        raise Permanent("bad_setting", f"BEATLOOM_GENERATOR_COMFYUI_URLS: {error}.") from error


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
