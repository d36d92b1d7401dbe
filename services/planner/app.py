"""The planner's composition root: everything is built here, and connects in the lifespan."""

from __future__ import annotations

from litestar import Litestar

from libs.runtime.worker_app import worker_app
from libs.runtime.workers import WorkerPool
from libs.runtime.workplace import Workplace
from services.planner.handlers import make_handlers
from services.planner.settings import PlannerSettings

NAME = "planner"


def create_app(settings: PlannerSettings, *, pool: WorkerPool | None = None) -> Litestar:
    """The planner as an ASGI app. pool: shared with other services and closed by its owner; None: its own."""
    place = Workplace(NAME, settings.shared, pool)
    return worker_app(
        NAME,
        settings.shared,
        make_handlers(place.store, place.pool, settings),
        concurrency=settings.concurrency,
        checks={"artifacts": place.store.check},
        resources=[place],
    )
