"""Servers that an operator drains: what runs there ends, nothing new comes, whichever generator it is."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from libs.bus.asking import answer, ask
from libs.bus.connection import Bus
from libs.bus.drains import Drains
from libs.bus.records import Held, Outrun, Records
from libs.contracts import subjects
from libs.contracts.pool import Drained, PoolReport
from libs.runtime.workers import WorkerPool
from services.generator.comfyui import draining, pool
from services.generator.comfyui.address import Address
from tests.integration.generator.rig import Generator, generator
from tests.servers.comfyui import ComfyDouble, MakeDouble, accepted
from tests.unit.generator.scenes import shot
from tests.waiting import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "EVERY_S", 0.1)
    monkeypatch.setattr(pool, "LOOK_AGAIN_S", 0.1)


def name_of(double: ComfyDouble) -> str:
    return Address(double.url).name


async def drain(bus: Bus, *doubles: ComfyDouble) -> None:
    async def names() -> frozenset[str]:
        return frozenset(map(name_of, doubles))

    await Drains(bus).write(names)


def drained(made: Generator) -> set[str]:
    return {server.name for server in made.pool.report().servers if server.drained}


def identity(report: PoolReport) -> PoolReport:
    return report


async def able(made: Generator, count: int) -> None:
    await until(lambda: len(made.pool.roster.able_servers("wan22-5b")) == count)


async def test_what_runs_there_ends_and_nothing_new_comes_until_it_is_let_in_again(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    doubles = [comfyui_servers(step_s=0.2) for _ in range(2)]
    urls = [double.url for double in doubles]
    async with generator(bus, tmp_path, urls, workers=workers, drains=Drains(bus)) as made:
        await able(made, 2)
        first = asyncio.create_task(made.take(await made.order(shot(frames=20))))
        await until(lambda: any(double.state["running"] for double in doubles))
        chosen = next(double for double in doubles if double.state["running"])
        (other,) = (double for double in doubles if double is not chosen)
        await drain(bus, chosen)
        await until(lambda: drained(made) == {name_of(chosen)})
        more = [made.take(await made.order(shot(frames=20, seed=seed), job=f"j{seed}")) for seed in range(3)]
        async with generator(bus, tmp_path, urls, process="two", workers=workers, drains=Drains(bus)) as late:
            assert drained(late) == {name_of(chosen)}, "known before anything is sent"
            await late.take(await late.order(shot(frames=20, seed=9), job="j9"))
        await asyncio.gather(first, *more)
        assert (accepted(chosen), accepted(other)) == (1, 4)
        await drain(bus, other)
        await until(lambda: drained(made) == {name_of(other)})
        await made.take(await made.order(shot(frames=20, seed=10), job="j10"))
    assert (accepted(chosen), accepted(other)) == (2, 4)


async def test_work_that_only_a_drained_server_can_do_waits_for_it(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    await drain(bus, comfyui)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers, patience_s=0.5, drains=Drains(bus)) as made:
        await able(made, 1)
        work = asyncio.create_task(made.take(await made.order(shot(frames=20))))
        await asyncio.sleep(2.0)
        assert (work.done(), accepted(comfyui), made.pool.report().waiting) == (False, 0, 1)
        await drain(bus)
        await work
        (server,) = made.pool.report().servers
        assert (server.standing, server.loaded.partition("/")[0], server.ours) == ("working", "wan22-5b", 0)
        assert server.memory >= server.memory_free > 0


async def test_all_who_know_a_pool_are_asked(bus: Bus) -> None:
    assert await ask(bus, subjects.POOL_QUESTION, PoolReport) == []
    told = [PoolReport(generator=name, waiting=1, servers=()) for name in "ab"]
    followings = [await answer(bus, subjects.POOL_QUESTION, partial(identity, report)) for report in told]
    found = await ask(bus, subjects.POOL_QUESTION, PoolReport)
    assert sorted(report.generator for report in found) == ["a", "b"]
    for following in followings:
        await following.stop()


async def test_of_two_who_write_at_once_the_last_wish_stands(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica that has read older wishes doesn't write them over newer ones."""
    wishes = [frozenset({"old:1"}), frozenset({"new:1"})]
    write, raced = Records.write, list[bool]()

    async def late(self: Records[Drained], name: str, value: Drained, over: Held[Drained] | None) -> Held[Drained]:
        if not raced:
            raced.append(True)
            await write(Records(bus, "drained", Drained, lifetime_s=60.0), name, Drained(servers=("new:1",)), over)
        return await write(self, name, value, over)

    async def wanted() -> frozenset[str]:
        return wishes.pop(0)

    monkeypatch.setattr(Records, "write", late)
    await Drains(bus).write(wanted)
    assert await Drains(bus).read() == frozenset({"new:1"})
    assert wishes == []


async def test_who_is_always_outrun_gives_up(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    async def outrun(*_: object) -> None:
        raise Outrun

    async def wanted() -> frozenset[str]:
        return frozenset()

    monkeypatch.setattr(Records, "write", outrun)
    with pytest.raises(Outrun):
        await Drains(bus).write(wanted)
