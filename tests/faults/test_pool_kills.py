"""Kill -9 of a generator, or of its bus, with a prompt on a ComfyUI server, at each point of its way.

Each scene and each still ends exactly once, and what a server has already is never asked of it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from libs.contracts.tasks import Task
from tests.faults.pool import Rig, running_rig
from tests.servers.comfyui import ComfyDouble
from tests.servers.nats import MakeNats
from tests.waiting import until

MakeDouble = Callable[..., ComfyDouble]
SLOW_S = 1.0
"""What each answer of a server takes while a kill is aimed between two of them."""
SCENES = 12
POINTS = ("leased", "posting", "accepted", "running", "done", "fetched", "kept", "told")
QUICK = ("posting", "done")
"""Those that `make test` tries; `make test-faults` tries all."""


async def reach(point: str, rig: Rig, double: ComfyDouble, number: int, what: str = "scene") -> Task:
    """Order a scene, or a still, and return when the generator is at this point with it."""
    order, file = (rig.order, "*.mp4") if what == "scene" else (rig.order_still, "*.png")
    leases, accepted, succeeded = await rig.leases(), rig.count("accepted"), rig.count("succeeded")
    records, facts = rig.records(), len(rig.facts)
    double.set(answer_s=SLOW_S if point in ("leased", "posting") else 0.0, step_s=0.2)
    task = await order(number, await rig.picture() if point == "leased" else None)

    async def leased() -> bool:
        return await rig.leases() > leases

    match point:
        case "leased" | "posting":
            await until(leased)
            await asyncio.sleep(SLOW_S / 3 if point == "posting" else 0.0)
            assert rig.count("accepted") == accepted
        case "accepted":
            await until(lambda: rig.count("accepted") > accepted)
        case "running" | "done":
            await until(lambda: bool(double.state["running"]))
            if point == "done":
                double.set(answer_s=SLOW_S)
                await until(lambda: rig.count("succeeded") > succeeded)
                assert not rig.files(file)
            else:
                await asyncio.sleep(0.5)
                assert double.state["running"]
        case "fetched":
            await until(lambda: bool(rig.files(file)))
        case "kept":
            await until(lambda: rig.records() > records)
            assert what == "still" or len(rig.facts) == facts  # a still is told of at once
        case _:
            await until(lambda: len(rig.facts) > facts)
    return task


@pytest.mark.parametrize(
    ("victim", "what", "points"),
    [
        pytest.param("generator", "scene", QUICK, id="generator-quick"),
        pytest.param("generator", "scene", POINTS, id="generator", marks=pytest.mark.matrix),
        pytest.param("nats-server", "scene", POINTS, id="nats-server", marks=pytest.mark.matrix),
        pytest.param("generator", "still", POINTS, id="generator-still", marks=pytest.mark.matrix),
        pytest.param("nats-server", "still", POINTS, id="nats-server-still", marks=pytest.mark.matrix),
    ],
)
async def test_a_kill_wastes_no_prompt(
    nats_server: MakeNats, comfyui: ComfyDouble, tmp_path: Path, victim: str, what: str, points: tuple[str, ...]
) -> None:
    nats = nats_server()
    async with running_rig(tmp_path, nats, [comfyui]) as rig:
        generator = rig.start()
        await comfyui.until(lambda state: state["sockets"] > 0, timeout_s=30)
        for number, point in enumerate(points, start=1):
            task = await reach(point, rig, comfyui, number, what)
            if victim == "generator":
                generator.kill()
                generator.start()
            else:
                await asyncio.to_thread(nats.restart)
            comfyui.set(answer_s=0.0)
            await rig.told(task)
            assert (rig.count("accepted"), rig.count("succeeded")) == (number, number), f"killed when {point}"


async def test_two_generators_over_two_servers_with_a_kill_and_a_restart_of_the_bus(
    nats_server: MakeNats, comfyui_servers: MakeDouble, tmp_path: Path
) -> None:
    doubles = [comfyui_servers(step_s=0.05) for _ in range(2)]
    nats = nats_server()
    async with running_rig(tmp_path, nats, doubles) as rig:
        victim, _ = rig.start("one"), rig.start("two")
        for double in doubles:
            await double.until(lambda state: state["sockets"] > 1, timeout_s=30)
        tasks = [await rig.order(number) for number in range(SCENES)]
        await until(lambda: rig.count("succeeded") >= 2, seconds=30)
        victim.kill()
        await until(lambda: rig.count("succeeded") >= SCENES // 2, seconds=60)
        await asyncio.to_thread(nats.restart)
        victim.start()
        await rig.told(*tasks, seconds=90)
        assert rig.count("accepted") == rig.count("succeeded") == SCENES
        assert all(double.counts["accepted"] for double in doubles)
