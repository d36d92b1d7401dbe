"""Ingest's composition root: everything is built here, and connects in the lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from litestar import Litestar
from prometheus_client import CollectorRegistry

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.contracts.errors import Retryable
from libs.runtime.app import service_app
from libs.runtime.workers import WorkerPool
from libs.telemetry.metrics import BusMetrics, LedgerMetrics
from services.ingest.database import Database
from services.ingest.front import Front
from services.ingest.handlers import Loops
from services.ingest.ledger import Ledger
from services.ingest.outbox import Outbox
from services.ingest.routes.documents import openapi
from services.ingest.settings import IngestSettings
from services.ingest.sweeper import Sweeper

NAME = "ingest"


def create_app(settings: IngestSettings, *, pool: WorkerPool | None = None) -> Litestar:
    """Ingest as an ASGI app. pool: shared with other services and closed by its owner; None: its own.

    At start it brings the tables up to date, publishes what the outbox holds, and sweeps.
    """
    shared = settings.shared
    registry = CollectorRegistry()
    bus_metrics, ledger_metrics = BusMetrics(registry), LedgerMetrics(registry)
    children = pool or WorkerPool(shared.workers)
    store = open_store(shared.artifacts_url)
    database = Database(settings.database_url)
    front = Front()
    running: list[tuple[Bus, Loops]] = []

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if pool is None:
                stack.push_async_callback(children.close)
            stack.push_async_callback(database.close)
            await database.migrate()
            bus = await Bus.connect(
                shared.nats_url, shared.nats_token, name=NAME, ack_wait_s=shared.ack_wait_s, metrics=bus_metrics
            )
            stack.push_async_callback(bus.close)
            await bus.ensure_topology()

            async def committed(job_id: str) -> None:
                outbox.wake()
                await bus.wake(job_id)

            ledger = Ledger(database, on_commit=committed, metrics=ledger_metrics)
            outbox = Outbox(database, bus, refused=ledger.apply)
            sweeper = Sweeper(
                database, store, wake=outbox.wake, metrics=ledger_metrics, every_s=settings.sweep_every_s
            )
            loops = Loops(bus, ledger, outbox, sweeper)
            stack.push_async_callback(loops.stop)
            await loops.start()
            await stack.enter_async_context(
                front.open(
                    ledger=ledger,
                    store=store,
                    bus=bus,
                    pool=children,
                    scratch=Path(shared.scratch_dir) / NAME,
                    callback_allow=settings.callback_allow,
                )
            )
            running.append((bus, loops))
            yield
            running.clear()

    async def check_bus() -> None:
        if not running:
            raise Retryable("bus_unavailable", "The bus is not connected yet.")
        await running[0][0].check()

    async def check_loops() -> None:
        if running:
            await running[0][1].check()

    return service_app(
        NAME,
        route_handlers=[front.router()],
        checks={"bus": check_bus, "consumers": check_loops, "ledger": database.check, "artifacts": store.check},
        vital={"consumers": check_loops},
        lifespan=[life],
        registry=registry,
        openapi=openapi(_version()),
    )


def _version() -> str:
    try:
        return version("beatloom")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"
