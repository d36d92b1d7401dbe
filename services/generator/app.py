"""The generator's composition root: everything is built here, and connects in the lifespan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from litestar import Litestar
from prometheus_client import CollectorRegistry

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.bus.worker import Worker
from libs.contracts.errors import Retryable
from libs.runtime.app import service_app
from libs.runtime.workers import WorkerPool
from libs.telemetry.metrics import BusMetrics, WorkMetrics
from services.generator.builtin.backend import BuiltinBackend
from services.generator.handlers import make_handlers
from services.generator.scratch import Scratch
from services.generator.settings import GeneratorSettings

NAME = "generator"


def create_app(settings: GeneratorSettings, *, pool: WorkerPool | None = None) -> Litestar:
    """The generator as an ASGI app. pool: shared with other services and closed by its owner; None: its own."""
    shared = settings.shared
    registry = CollectorRegistry()
    bus_metrics, work_metrics = BusMetrics(registry), WorkMetrics(registry)
    children = pool or WorkerPool(shared.workers)
    store = open_store(shared.artifacts_url)
    scratch = Scratch(Path(shared.scratch_dir) / NAME)
    backend = BuiltinBackend(children, ffmpeg=shared.ffmpeg, timeout_s=settings.shot_timeout_s)
    handlers = make_handlers(store, backend, scratch)
    running: list[tuple[Bus, Worker]] = []

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if pool is None:
                stack.push_async_callback(children.close)
            await asyncio.to_thread(scratch.open)
            stack.callback(scratch.close)
            bus = await Bus.connect(
                shared.nats_url, shared.nats_token, name=NAME, ack_wait_s=shared.ack_wait_s, metrics=bus_metrics
            )
            stack.push_async_callback(bus.close)
            await bus.ensure_topology()
            worker = Worker(
                bus,
                handlers,
                concurrency=settings.concurrency or children.size,
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
        checks={
            "bus": check_bus,
            "consumers": check_consumers,
            "artifacts": store.check,
            "backend": backend.check,
        },
        vital={"consumers": check_consumers},
        lifespan=[life],
        registry=registry,
    )
