"""Several generators over one pool: one that slept for long, and comes back when another does its work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from libs.bus.connection import Bus
from libs.runtime.workers import WorkerPool
from services.generator.comfyui import watch
from services.generator.comfyui.slots import Slots
from tests.integration.generator.rig import generator
from tests.servers.comfyui import ComfyDouble, accepted
from tests.unit.generator.scenes import shot
from tests.waiting import until


async def test_who_slept_before_the_post_sends_nothing_that_another_has_sent(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GRACE_S", 0.5)
    woken, asleep = asyncio.Event(), asyncio.Event()
    async with (
        generator(bus, tmp_path, [comfyui.url], process="one", workers=workers) as one,
        generator(bus, tmp_path, [comfyui.url], process="two", workers=workers) as two,
    ):
        must_hold = one.pool.must_hold

        async def sleeps(work: str) -> None:
            asleep.set()
            await woken.wait()
            await must_hold(work)

        monkeypatch.setattr(one.pool, "must_hold", sleeps)
        order = await one.order(shot(frames=20))
        late = asyncio.create_task(one.take(order))
        await asleep.wait()
        comfyui.set(step_s=0.3)
        work = asyncio.create_task(two.take(order))
        await until(lambda: bool(comfyui.state["running"]))
        woken.set()
        facts = await asyncio.gather(late, work)
        assert facts[0].clip == facts[1].clip
        assert accepted(comfyui) == 1

        async def free() -> bool:
            (name,) = one.pool.roster.servers
            return await Slots(bus).taken(name) == ()

        await until(free)
