"""A worker process that takes a task and never finishes it, for the tests to kill: URL TOKEN ACK_WAIT_S."""

from __future__ import annotations

import asyncio
import sys

from libs.bus.connection import Bus
from libs.bus.handler import TaskContext
from libs.bus.worker import Worker
from libs.contracts.facts import WorkFact
from libs.contracts.tasks import Task


async def never(task: Task, context: TaskContext) -> list[WorkFact]:
    """Say that work has begun, and go on for ever."""
    print("began", flush=True)
    await asyncio.sleep(3600)
    return []


async def main() -> None:
    """Work until killed."""
    url, token, ack_wait = sys.argv[1:]
    bus = await Bus.connect(url, token, name="victim", ack_wait_s=float(ack_wait))
    await Worker(bus, {"analyze": never}).start()
    await asyncio.sleep(3600)


asyncio.run(main())
