"""Workers that only talk: facts and progress at the rate of real ones, with no bytes behind them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from libs.bus.connection import Bus
from libs.bus.handler import PROGRESS_EVERY_S
from libs.contracts.facts import Fact
from libs.contracts.messages import Progress
from tests.unit.ingest.story import fact, result

SCENES = 24
SCENE_S = 3.0


async def play(bus: Bus, job_id: str, offset: float) -> None:
    """A job from its beginning: heard, planned, and then scene after scene, with progress four times a second."""
    await _say(bus, fact("analyze", result("analyze"), job_id=job_id))
    await _say(bus, fact("plan", result("plan", scenes=SCENES), job_id=job_id))
    await asyncio.sleep(offset)
    for number in range(1, SCENES + 1):
        task = f"animate.s{number:03d}"
        steps = round(SCENE_S / PROGRESS_EVERY_S)
        for step in range(1, steps + 1):
            await asyncio.sleep(PROGRESS_EVERY_S)
            told = Progress(job_id=job_id, run=1, task=task, attempt=1, fraction=step / steps)
            await bus.publish_progress(told)
        await _say(bus, fact(task, result(task), job_id=job_id))


async def _say(bus: Bus, one: Fact) -> None:
    await bus.publish_fact(msgspec.structs.replace(one, at=datetime.now(UTC)))
