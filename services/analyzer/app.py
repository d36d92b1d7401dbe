"""The analyzer's composition root: everything is built here, and connects in the lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from litestar import Litestar
from prometheus_client import CollectorRegistry

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.bus.worker import Worker
from libs.contracts.errors import Retryable
from libs.runtime.app import service_app
from libs.runtime.workers import WorkerPool
from libs.telemetry.metrics import BusMetrics, WorkMetrics
from services.analyzer.handlers import make_handlers
from services.analyzer.settings import AnalyzerSettings

NAME = "analyzer"


def create_app(settings: AnalyzerSettings, *, pool: WorkerPool | None = None) -> Litestar:
    """The analyzer as an ASGI app. pool: shared with other services and closed by its owner; None: its own."""
    shared = settings.shared
    registry = CollectorRegistry()
    bus_metrics, work_metrics = BusMetrics(registry), WorkMetrics(registry)
    children = pool or WorkerPool(shared.workers)
    store = open_store(shared.artifacts_url)
    handlers = make_handlers(store, children, settings)
    running: list[tuple[Bus, Worker]] = []

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if pool is None:
                stack.push_async_callback(children.close)
            bus = await Bus.connect(
                shared.nats_url, shared.nats_token, name=NAME, ack_wait_s=shared.ack_wait_s, metrics=bus_metrics
            )
            stack.push_async_callback(bus.close)
            await bus.ensure_topology()
            worker = Worker(
                bus,
                handlers,
                concurrency=settings.concurrency,
                ack_wait_s=shared.ack_wait_s,
                grace_s=shared.shutdown_grace_s,
                metrics=work_metrics,
            )
            stack.push_async_callback(worker.stop)
            await worker.start()
            running.append((bus, worker))
            yield
            running.clear()

    async def check_bus() -> None:
        if not running:
            raise Retryable("bus_unavailable", "The bus is not connected yet.")
        await running[0][0].check()

    async def check_consumers() -> None:
        if running:
            await running[0][1].check()

    return service_app(
        NAME,
        checks={"bus": check_bus, "consumers": check_consumers, "artifacts": store.check},
        vital={"consumers": check_consumers},
        lifespan=[life],
        registry=registry,
    )
