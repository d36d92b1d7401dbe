"""The notifier's composition root: everything is built here, and connects in the lifespan."""

from __future__ import annotations

from litestar import Litestar
from prometheus_client import CollectorRegistry

from libs.runtime.worker_app import worker_app
from libs.runtime.workers import WorkerPool
from libs.telemetry.metrics import DeliveryMetrics
from services.notifier.handlers import make_handlers
from services.notifier.settings import NotifierSettings

NAME = "notifier"


def create_app(settings: NotifierSettings, *, pool: WorkerPool | None = None) -> Litestar:
    """The notifier as an ASGI app. It has no CPU work: `pool` is taken for the sake of one signature, and left
    alone. Raises Permanent("bad_setting") for a secret that can't be used.
    """
    del pool
    registry = CollectorRegistry()
    return worker_app(
        NAME,
        settings.shared,
        make_handlers(settings, DeliveryMetrics(registry)),
        concurrency=settings.concurrency,
        registry=registry,
    )
