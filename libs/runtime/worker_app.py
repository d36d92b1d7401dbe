"""The application of a service that takes tasks: its worker over the bus, and what health asks of both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from litestar import Litestar
from prometheus_client import CollectorRegistry

from libs.bus.connection import Bus
from libs.bus.handler import Abandon, Handler
from libs.bus.worker import Worker
from libs.contracts.tasks import TaskKind
from libs.runtime.app import Check, service_app
from libs.runtime.bus_link import BusLink
from libs.runtime.settings import Shared
from libs.telemetry.metrics import BusMetrics, WorkMetrics


def worker_app(
    name: str,
    shared: Shared,
    handlers: Mapping[TaskKind, Handler],
    *,
    concurrency: int,
    checks: Mapping[str, Check] | None = None,
    resources: Sequence[AbstractAsyncContextManager[Any]] = (),
    over_bus: Sequence[Callable[[Bus], AbstractAsyncContextManager[Any]]] = (),
    abandon: Abandon | None = None,
    registry: CollectorRegistry | None = None,
) -> Litestar:
    """A worker service as an ASGI app, which connects in its lifespan.

    handlers: one for each kind of task that it takes. concurrency: tasks of one kind at a time. checks: what has
    to hold for it to be ready, besides the bus and its consumers. resources: opened before the first task is
    taken, closed after the last one ended, in reverse. over_bus: the same, for what needs the bus. abandon: see
    Worker. registry: of the service's own metrics, if it has any.
    """
    registry = registry or CollectorRegistry()
    metrics = WorkMetrics(registry)
    link = BusLink(name, shared, BusMetrics(registry))
    running: list[Worker] = []

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for resource in resources:
                await stack.enter_async_context(resource)
            bus = await stack.enter_async_context(link)
            for make in over_bus:
                await stack.enter_async_context(make(bus))
            worker = Worker(
                bus,
                handlers,
                concurrency=concurrency,
                ack_wait_s=shared.ack_wait_s,
                grace_s=shared.shutdown_grace_s,
                metrics=metrics,
                abandon=abandon,
            )
            stack.push_async_callback(worker.stop)
            await worker.start()
            running.append(worker)
            yield
            running.clear()

    async def check_consumers() -> None:
        for worker in running:
            await worker.check()

    return service_app(
        name,
        checks={"bus": link.check, "consumers": check_consumers, **(checks or {})},
        vital={"consumers": check_consumers},
        lifespan=[life],
        registry=registry,
    )
