"""The generator's composition root: everything is built here, and connects in the lifespan."""

from __future__ import annotations

from litestar import Litestar

from libs.contracts.tasks import Task
from libs.media.encoding import Quality
from libs.runtime.worker_app import worker_app
from libs.runtime.workers import WorkerPool
from libs.runtime.workplace import Workplace
from services.generator.backend import Backend
from services.generator.builtin.backend import BuiltinBackend
from services.generator.comfyui.build import ComfyLink
from services.generator.costs import Costs
from services.generator.handlers import Fitting, make_handlers
from services.generator.score import Scorer
from services.generator.settings import GeneratorSettings
from services.generator.voice.narrate import Narrator
from services.generator.voice.open import open_engine
from services.generator.voice.speaking import Speaker

NAME = "generator"
READY = 1
"""Shots that wait for a free worker process: none then waits for bus and disk between two shots."""


def create_app(settings: GeneratorSettings, *, pool: WorkerPool | None = None) -> Litestar:
    """The generator as an ASGI app. pool: shared with other services and closed by its owner; None: its own."""
    place = Workplace(NAME, settings.shared, pool)
    shared = settings.shared
    fitting = Fitting(place.pool, Quality(shared.preset, shared.crf), settings.shot_timeout_s)
    builtin = BuiltinBackend(place.pool, timeout_s=fitting.timeout_s, quality=fitting.quality)
    costs = Costs(shared.prices(), settings.task_budget)
    comfyui = ComfyLink(settings, place, builtin, costs) if settings.comfyui_urls else None
    backend: Backend = comfyui or builtin
    engine = open_engine(settings, place, comfyui, costs)
    speaker = Speaker(place.store, engine.voice, at_once=engine.at_once, align=engine.align)
    narrator = Narrator(place.store, place.scratch, place.pool, speaker, timeout_s=fitting.timeout_s)
    scorer = Scorer(
        comfyui.scores if comfyui is not None else None,
        comfyui.live if comfyui is not None else None,
        store=place.store,
        workers=place.pool,
        scratch=place.scratch,
    )

    async def abandon(task: Task) -> None:
        if task.kind == "score":
            await scorer.abandon(task)
        elif comfyui is not None:
            await comfyui.abandon(task)

    handlers = make_handlers(place.store, backend, place.scratch, fitting)
    at_once = settings.concurrency or (settings.hold if comfyui is not None else place.pool.size + READY)
    return worker_app(
        NAME,
        shared,
        {**handlers, "voice": narrator.narrate, "score": scorer.score},
        concurrency=at_once,
        checks={"artifacts": place.store.check, "backend": backend.check, "voice": engine.voice.check},
        resources=[place],
        over_bus=[comfyui.over] if comfyui is not None else [],
        abandon=abandon if comfyui is not None else None,
    )
