"""The analyzer's composition root: everything is built here, and connects in the lifespan."""

from __future__ import annotations

from litestar import Litestar

from libs.runtime.worker_app import worker_app
from libs.runtime.workers import WorkerPool
from libs.runtime.workplace import Workplace
from services.analyzer.handlers import make_handlers
from services.analyzer.settings import AnalyzerSettings

NAME = "analyzer"


def create_app(settings: AnalyzerSettings, *, pool: WorkerPool | None = None) -> Litestar:
    """The analyzer as an ASGI app. pool: shared with other services and closed by its owner; None: its own."""
    place = Workplace(NAME, settings.shared, pool)
    return worker_app(
        NAME,
        settings.shared,
        make_handlers(place.store, place.pool, settings, place.scratch),
        concurrency=settings.concurrency,
        checks={"artifacts": place.store.check},
        resources=[place],
    )
