"""Servers that are taken out, and what lets them in again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from libs.bus.connection import Bus
from libs.runtime.workers import WorkerPool
from services.generator.comfyui import keeper, roster, server
from services.generator.comfyui.address import Address
from services.generator.comfyui.breaker import Breaker
from services.generator.comfyui.members import Members
from services.generator.comfyui.server import Server
from services.generator.comfyui.slots import Slots
from tests.integration.generator.rig import Generator, generator
from tests.servers.comfyui import ComfyDouble, MakeDouble, accepted
from tests.unit.generator.scenes import shot
from tests.waiting import until


@pytest.fixture
def breakers(monkeypatch: pytest.MonkeyPatch) -> list[Breaker]:
    """Those that were made, with little patience."""
    made: list[Breaker] = []

    def make() -> Breaker:
        made.append(Breaker(pause=0.2))
        return made[-1]

    monkeypatch.setattr(keeper, "Breaker", make)
    monkeypatch.setattr(keeper, "CANARY_S", 3.0)
    monkeypatch.setattr(server, "IDLE_S", 0.3)
    return made


async def fit(made: Generator) -> Server:
    """The one server, once it is."""
    await until(lambda: bool(made.pool.roster.able_servers("wan22-5b")))
    (server,) = made.pool.roster.servers.values()
    return server


def take_out(made: Generator, server: Server) -> None:
    for _ in range(3):
        made.pool.failed(server)


@pytest.mark.parametrize(
    ("sick", "cure"),
    [
        ({"bad_output": "black"}, {"bad_output": ""}),
        pytest.param({"bad_output": "garbage"}, {"bad_output": ""}, marks=pytest.mark.matrix),
        ({"bad_output": "none"}, {"bad_output": ""}),
        pytest.param({"truncate_file": True}, {"truncate_file": False}, marks=pytest.mark.matrix),
        ({"node_s": 1.5}, {"node_s": 0.0}),
        pytest.param({"refuse_status": 500}, {"refuse_status": 0}, marks=pytest.mark.matrix),
    ],
    ids=str,
)
async def test_only_a_canary_that_makes_sense_lets_a_server_in(
    bus: Bus,
    comfyui: ComfyDouble,
    tmp_path: Path,
    workers: WorkerPool,
    breakers: list[Breaker],
    sick: dict[str, Any],
    cure: dict[str, Any],
) -> None:
    comfyui.set(**sick)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        take_out(made, await fit(made))
        (breaker,) = breakers
        pause = breaker.pause
        await until(lambda: breaker.pause > pause, seconds=20)
        assert breaker.state != "working"
        comfyui.set(**cure)
        await made.take(await made.order(shot(frames=20)))
        assert breaker.state == "working"


async def test_a_canary_waits_until_the_server_is_idle_and_takes_a_slot(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, breakers: list[Breaker]
) -> None:
    slots = Slots(bus)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        one = await fit(made)
        comfyui.set(step_s=0.4)
        work = asyncio.create_task(made.take(await made.order(shot(frames=20))))
        await until(lambda: bool(comfyui.state["running"]))
        take_out(made, one)
        (breaker,) = breakers
        began = time.monotonic()
        while comfyui.state["running"]:
            assert accepted(comfyui) == 1, "it would stand behind the clip"
            assert breaker.state == "out"
            if time.monotonic() - began > 1.0:
                breaker.pause = 60.0
            await asyncio.sleep(0.05)
        await work
        for other in ("others1", "others2"):
            assert await slots.take(one.name, other)
        breaker.pause = 0.2
        await asyncio.sleep(1.5)
        assert accepted(comfyui) == 1, "all slots are others'"
        assert breaker.state != "working"
        for other in ("others1", "others2"):
            await slots.free(one.name, other)
        await made.take(await made.order(shot(frames=20, seed=5)))
        assert breaker.state == "working"


async def test_who_leaves_unfit_comes_back_unfit(
    bus: Bus,
    comfyui: ComfyDouble,
    tmp_path: Path,
    workers: WorkerPool,
    breakers: list[Breaker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {Address(comfyui.url)}

    async def addresses(_: Members) -> frozenset[Address]:
        return frozenset(there)

    monkeypatch.setattr(roster, "MEMBERS_S", 0.1)
    monkeypatch.setattr(Members, "addresses", addresses)
    async with generator(bus, tmp_path, [], workers=workers) as made:
        take_out(made, await fit(made))
        (breaker,) = breakers
        breaker.pause = 60.0
        there.clear()
        await until(lambda: not made.pool.roster.servers)
        there.add(Address(comfyui.url))
        await fit(made)
        assert breakers == [breaker], "it is remembered"
        breaker.pause = 0.2
        await made.take(await made.order(shot(frames=20)))
        assert breaker.state == "working"


async def test_recycling_waits_for_what_runs_and_all_servers_may_be_out_at_once(
    bus: Bus,
    comfyui_servers: MakeDouble,
    tmp_path: Path,
    workers: WorkerPool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    doubles = [comfyui_servers(step_s=0.05) for _ in range(2)]
    monkeypatch.setattr(keeper, "Breaker", lambda: Breaker(pause=0.2, recycle_after=2))
    freed_at: list[bool] = []
    free = keeper.Keeper._free

    async def watched(self: keeper.Keeper, server: Server) -> None:
        freed_at.append(any(double.state["running"] for double in doubles if server.name in double.url))
        await free(self, server)

    monkeypatch.setattr(keeper.Keeper, "_free", watched)
    async with generator(bus, tmp_path, [double.url for double in doubles], workers=workers) as made:
        await until(lambda: len(made.pool.roster.able_servers("wan22-5b")) == 2)
        for one in made.pool.roster.servers.values():
            take_out(made, one)
        works = [made.take(await made.order(shot(frames=20, seed=seed), job=f"j{seed}")) for seed in range(8)]
        await asyncio.wait_for(asyncio.gather(*works), 60)
        assert sum(double.counts["freed"] for double in doubles) == len(freed_at) > 0
        assert not any(freed_at)
        for name in made.pool.roster.servers:
            for work in await Slots(bus).taken(name):
                assert "/" not in work, "only a canary may be under way"
