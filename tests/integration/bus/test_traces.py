"""One trace: from who orders a task, over the worker, to who hears of it."""

from __future__ import annotations

import asyncio

from opentelemetry import trace

from libs.bus.connection import Bus
from libs.bus.facts import FactConsumer
from libs.bus.handler import TaskContext
from libs.bus.worker import Worker
from libs.contracts.facts import Fact, WorkFact
from libs.contracts.tasks import Task
from libs.telemetry import tracing
from tests.integration.bus.orders import HEARD, order


async def test_the_trace_goes_along(bus: Bus) -> None:
    tracing.configure("test")
    seen: dict[str, int] = {}
    done = asyncio.Event()

    def note(where: str) -> None:
        seen[where] = trace.get_current_span().get_span_context().trace_id

    async def handler(task: Task, context: TaskContext) -> list[WorkFact]:
        note("worker")
        return HEARD

    async def hear(fact: Fact) -> None:
        note("ledger")
        done.set()

    worker, ledger = Worker(bus, {"analyze": handler}), FactConsumer(bus, hear)
    await worker.start()
    await ledger.start()
    with tracing.span("order"):
        note("order")
        await bus.publish_task(order())
    await asyncio.wait_for(done.wait(), 10)
    await worker.stop()
    await ledger.stop()
    assert seen["order"] != 0
    assert seen == dict.fromkeys(("order", "worker", "ledger"), seen["order"])
