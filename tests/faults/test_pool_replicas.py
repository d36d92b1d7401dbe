"""Generators that share servers: kill -9, sleep and a bus that forgets, with never more on a server than two."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from libs.contracts import subjects
from tests.faults.pool import Rig, running_rig
from tests.servers.comfyui import ComfyDouble, MakeDouble
from tests.servers.nats import MakeNats
from tests.service_process import ServiceProcess
from tests.waiting import until

REPLICAS = ("one", "two", "three")
SCENES = 12


async def connected(doubles: list[ComfyDouble], generators: int) -> None:
    """Wait until all generators hear from all servers."""
    for double in doubles:
        await double.until(lambda state: state["sockets"] >= generators, timeout_s=60)


def send(generator: ServiceProcess, number: signal.Signals) -> None:
    assert generator.process is not None
    generator.process.send_signal(number)


def most(doubles: list[ComfyDouble]) -> list[int]:
    """By server, the prompts that it had at once."""
    return [double.counts["most"] for double in doubles]


async def forget(rig: Rig, what: str) -> None:
    """Records vanish from the bucket, as when they have run out."""
    bucket = subjects.WORK_BUCKET
    await rig.bus.js.purge_stream(f"KV_{bucket}", subject=f"$KV.{bucket}.{what}")


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.matrix)])
async def test_generators_together_keep_to_two_prompts_a_server(
    nats_server: MakeNats, comfyui_servers: MakeDouble, tmp_path: Path, count: int
) -> None:
    doubles = [comfyui_servers(step_s=0.05) for _ in range(2)]
    nats = nats_server()
    async with running_rig(tmp_path, nats, doubles) as rig:
        generators = [rig.start(name) for name in REPLICAS[:count]]
        await connected(doubles, count)
        tasks = [await rig.order(number) for number in range(SCENES)]
        for times, generator in enumerate(generators[1:], start=1):
            await until(lambda times=times: rig.count("succeeded") >= 3 * times, seconds=60)
            generator.kill()
            generator.start()
        if count > 2:
            await asyncio.to_thread(nats.restart)
        await rig.told(*tasks, seconds=120)
        assert rig.count("accepted") == rig.count("succeeded") == SCENES
        assert max(most(doubles)) == 2


@pytest.mark.parametrize("point", [pytest.param("posting", marks=pytest.mark.matrix), "running"])
async def test_a_generator_that_slept_disturbs_nobody(
    nats_server: MakeNats, comfyui: ComfyDouble, tmp_path: Path, point: str
) -> None:
    """Its slots have run out, another one goes on with its scene, then it wakes up."""
    async with running_rig(tmp_path, nats_server(), [comfyui]) as rig:
        sleeper = rig.start("one")
        await connected([comfyui], 1)
        comfyui.set(step_s=0.4, answer_s=1.0 if point == "posting" else 0.0)
        leases = await rig.leases()
        task = await rig.order(1)

        async def there() -> bool:
            return await rig.leases() > leases if point == "posting" else bool(comfyui.state["running"])

        await until(there)
        send(sleeper, signal.SIGSTOP)
        comfyui.set(answer_s=0.0)
        await forget(rig, "slot.>")
        rig.start("two")
        await connected([comfyui], 2)
        await until(lambda: bool(comfyui.state["running"]) or bool(rig.facts), seconds=40)
        send(sleeper, signal.SIGCONT)
        others = [await rig.order(number) for number in (2, 3, 4)]
        await rig.told(task, *others)
        wasted = int(point == "posting")  # what was on its way to the server, and is sent again, has no slot
        assert rig.count("accepted") <= 4 + wasted
        assert most([comfyui])[0] <= 2 + wasted


@pytest.mark.matrix
@pytest.mark.parametrize("what", ["slot.>", "lease.>", ">"])
async def test_a_bucket_that_is_emptied_costs_a_prompt_at_most(
    nats_server: MakeNats, comfyui_servers: MakeDouble, tmp_path: Path, what: str
) -> None:
    doubles = [comfyui_servers(step_s=0.2) for _ in range(2)]
    async with running_rig(tmp_path, nats_server(), doubles) as rig:
        generators = [rig.start(name) for name in REPLICAS[:2]]
        await connected(doubles, 2)
        tasks = [await rig.order(number) for number in range(SCENES)]
        await until(lambda: rig.count("succeeded") >= 2, seconds=60)
        await forget(rig, what)
        await until(lambda: rig.count("succeeded") >= 5, seconds=60)
        await forget(rig, what)
        generators[0].kill()
        generators[0].start()
        await rig.told(*tasks, seconds=120)
        wasted = rig.count("accepted") - SCENES
        assert wasted <= (0 if what == "slot.>" else 4), "those that the dead one had on servers, at most"


@pytest.mark.matrix
@pytest.mark.parametrize("alone", [False, True])
async def test_who_sleeps_for_minutes_takes_no_prompt_from_who_goes_on_with_it(
    nats_server: MakeNats, comfyui: ComfyDouble, tmp_path: Path, alone: bool
) -> None:
    async with running_rig(tmp_path, nats_server(), [comfyui]) as rig:
        sleeper = rig.start("one")
        await connected([comfyui], 1)
        comfyui.set(step_s=12.0)
        task = await rig.order(1)
        await until(lambda: bool(comfyui.state["running"]))
        send(sleeper, signal.SIGSTOP)
        if not alone:
            rig.start("two")
            await connected([comfyui], 2)
        await asyncio.sleep(70)
        assert comfyui.state["running"]
        send(sleeper, signal.SIGCONT)
        await rig.told(task, seconds=120)
        assert (rig.count("accepted"), rig.count("succeeded")) == (1, 1)
