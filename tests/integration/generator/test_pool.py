"""The pool where it hurts: servers that leave, a bus that is away, waiters that give up, broken histories."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from libs.bus.connection import Bus
from libs.bus.handler import TaskContext
from libs.cache import MemoryCache
from libs.contracts.errors import BudgetExceeded, Retryable
from libs.runtime.workers import WorkerPool
from services.generator.comfyui import following, pool, roster, server
from services.generator.comfyui.address import Address
from services.generator.comfyui.answers import HistoryEntry
from services.generator.comfyui.errors import Refused
from services.generator.comfyui.gateway import Gateway
from services.generator.comfyui.members import Members
from services.generator.comfyui.slots import Slots
from services.generator.comfyui.waiting import Need, Waiting
from tests.integration.generator.rig import Generator, generator
from tests.servers.comfyui import ComfyDouble, MakeDouble, accepted
from tests.servers.nats import MakeNats
from tests.unit.generator.scenes import shot
from tests.waiting import until


def waiting(work: str, workflow: str = "wan22-5b") -> Waiting:
    return Waiting(id=work, models="m", seconds=1.0, since=0.0, group="j1", need=Need(workflow, 0))


async def taking(made: Generator, frames: int = 20) -> asyncio.Task[object]:
    return asyncio.create_task(made.take(await made.order(shot(frames=frames))))


async def test_a_server_that_leaves_the_pool_keeps_its_prompt_to_the_end(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubles = [comfyui_servers(step_s=0.2) for _ in range(2)]
    gone: set[str] = set()

    async def addresses(_: Members) -> frozenset[Address]:
        return frozenset(Address(double.url) for double in doubles if double.url not in gone)

    monkeypatch.setattr(roster, "MEMBERS_S", 0.1)
    monkeypatch.setattr(Members, "addresses", addresses)
    async with generator(bus, tmp_path, [], workers=workers) as made:
        work = await taking(made)
        await until(lambda: any(double.state["running"] for double in doubles))
        left = next(double for double in doubles if double.state["running"])
        gone.add(left.url)
        await until(lambda: len(made.pool.roster.servers) == 1)
        assert not work.done()
        await work
        assert sum(map(accepted, doubles)) == 1
        await made.take(await made.order(shot(frames=20, seed=8), job="j2"))
        assert accepted(left) == 1, "it gets no more"


async def test_a_server_of_two_names_gets_no_more_than_one(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.set(step_s=0.05)
    urls = [comfyui.url, comfyui.url.replace("127.0.0.1", "localhost")]
    async with generator(bus, tmp_path, urls, workers=workers) as made:
        await until(lambda: len(made.pool.roster.able_servers("wan22-5b")) == 2)
        orders = [await made.order(shot(frames=20, seed=seed), job=f"j{seed}") for seed in range(5)]
        await asyncio.gather(*map(made.take, orders))
    assert comfyui.counts["most"] <= 2
    assert accepted(comfyui) == 5


async def test_servers_that_share_a_folder_are_two_all_the_same(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def epoch(_: Gateway) -> str:
        return "0" * 32

    monkeypatch.setattr(Gateway, "epoch", epoch)
    monkeypatch.setattr(server, "IDLE_S", 0.5)
    doubles = [comfyui_servers(step_s=0.4) for _ in range(2)]
    async with generator(bus, tmp_path, [double.url for double in doubles], workers=workers) as made:
        await until(lambda: len(made.pool.roster.able_servers("wan22-5b")) == 2)
        orders = [await made.order(shot(frames=20, seed=seed), job=f"j{seed}") for seed in range(5)]
        await asyncio.gather(*map(made.take, orders))
    assert all(map(accepted, doubles))


async def test_a_history_that_cannot_be_read_costs_its_own_prompt_alone(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "AWAY_S", 2.0)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        await until(lambda: bool(made.pool.roster.able_servers("wan22-5b")))
        (server,) = made.pool.roster.servers.values()
        read, broken = server.gateway.history, set[str]()

        async def history(prompt_id: str) -> HistoryEntry | None:
            broken.update([] if broken else [prompt_id])
            if prompt_id in broken:
                raise Refused("500", status=500)
            return await read(prompt_id)

        monkeypatch.setattr(server.gateway, "history", history)
        await (await taking(made))
        assert server.present
    assert accepted(comfyui) == 2


async def test_the_bus_may_be_away_while_a_prompt_ends_badly_and_the_next_begins(
    nats_server: MakeNats, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    nats = nats_server()
    bus = await Bus.connect(nats.url, nats.token, name="test")
    await bus.ensure_topology()
    comfyui.next_prompt(exec_error="a node of glass", step_s=0.3)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        work = await taking(made)
        await until(lambda: bool(comfyui.state["running"]))
        await asyncio.to_thread(nats.kill)
        await until(lambda: not comfyui.state["running"])
        await asyncio.sleep(1.5)
        assert not work.done()
        await asyncio.to_thread(nats.start)
        await work
        assert accepted(comfyui) == 2
    await bus.close()


async def test_who_gives_up_while_a_slot_is_taken_leaves_none(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, take = asyncio.Event(), Slots.take

    async def slowly(self: Slots, server: str, work: str) -> bool:
        await go_on.wait()
        return await take(self, server, work)

    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        await until(lambda: bool(made.pool.roster.able_servers("wan22-5b")))
        monkeypatch.setattr(Slots, "take", slowly)
        given_up = asyncio.create_task(made.pool.acquire(waiting("w1")))
        await asyncio.sleep(0.3)
        given_up.cancel()
        await asyncio.wait((given_up,))
        again = asyncio.create_task(made.pool.acquire(waiting("w1")))
        await asyncio.sleep(0.3)
        go_on.set()
        async with asyncio.timeout(10):
            server = await again
        await made.pool.release("w1")

        async def free() -> bool:
            return await Slots(bus).taken(server.name) == ()

        await until(free)


async def test_work_that_only_a_dead_server_could_do_is_given_back(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LOOK_AGAIN_S", 0.1)
    able, poor = comfyui_servers(), comfyui_servers(models={})
    async with generator(bus, tmp_path, [able.url, poor.url], workers=workers, patience_s=3.0) as made:
        await until(lambda: len(made.pool.roster.servers) == 2 and bool(made.pool.roster.able_servers("wan22-5b")))
        able.stop()
        await until(lambda: sum(server.present for server in made.pool.roster.servers.values()) == 1)
        with pytest.raises(Retryable) as error:
            await made.take(await made.order(shot(frames=20)))
        assert error.value.code == "no_gpu_server"
        able.start()
        await until(lambda: all(server.present for server in made.pool.roster.servers.values()))
        await made.take(await made.order(shot(frames=20), attempt=2))


async def test_heartbeats_are_held_back_only_while_a_sent_prompt_shows_no_life(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LIFE_S", 0.4)
    monkeypatch.setattr(following, "AWAY_S", 30.0)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        await until(lambda: bool(made.pool.roster.able_servers("wan22-5b")))
        comfyui.set(answer_s=0.8)
        order = await made.order(shot(frames=20))
        context = TaskContext(order)
        work = asyncio.create_task(made.take(order, context))
        while not accepted(comfyui):
            assert context.alive(), "it is being sent"
            await asyncio.sleep(0.02)
        comfyui.stop()
        await until(lambda: not context.alive())
        comfyui.set(answer_s=0.0)
        comfyui.start()
        await work
        assert context.alive()


async def test_a_later_piece_of_a_long_shot_is_called_off_too(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        order = await made.order(shot(frames=240))
        comfyui.next_prompt()
        comfyui.next_prompt(step_s=0.5)
        context = TaskContext(order)
        work = asyncio.create_task(made.take(order, context))
        await until(lambda: accepted(comfyui) == 2, seconds=60)
        context.cancelled = "stopped"
        work.cancel()
        await asyncio.wait((work,))
        assert comfyui.state["running"]
    async with generator(bus, tmp_path, [comfyui.url], process="two", workers=workers) as made:
        await until(lambda: bool(made.pool.roster.able_servers("wan22-5b")))
        await made.backend.abandon(order)
        await until(lambda: not comfyui.state["running"])
    assert sum(comfyui.counts["succeeded"].values()) == 1


async def test_a_full_disk_blames_no_server_and_leaves_its_prompt_to_be_fetched(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        await until(lambda: bool(made.pool.roster.able_servers("wan22-5b")))
        (server,) = made.pool.roster.servers.values()
        order = await made.order(shot(frames=20))
        with monkeypatch.context() as patch:

            async def full(*_: object) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

            patch.setattr(server.gateway, "download", full)
            with pytest.raises(Retryable) as error:
                await made.take(order)
        assert error.value.code == "no_space"
        assert not server.watches
        assert await Slots(bus).taken(server.name) == ()
        await made.take(order)
    assert accepted(comfyui) == 1


@pytest.mark.parametrize(("budget", "ceiling"), [(6.0, None), (0.0, 6.0), (9.0, 6.0)])
async def test_a_task_stops_at_what_it_may_cost(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, budget: float, ceiling: float | None
) -> None:
    comfyui.set(step_s=1.0)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers, price=3600.0, budget=budget) as made:
        order = await made.order(shot(frames=20), ceiling=ceiling)
        context = TaskContext(order)
        with pytest.raises(BudgetExceeded):
            await made.take(order, context)
        assert 0 < context.billed.cost <= 6_000_000
        await until(lambda: not comfyui.state["running"])
        with pytest.raises(BudgetExceeded):
            await made.take(order)
    assert accepted(comfyui) == 1
    assert not sum(comfyui.counts["succeeded"].values())


async def test_the_pieces_of_a_shot_share_what_it_may_cost(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.next_prompt(step_s=0.25)
    comfyui.next_prompt(step_s=1.5)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers, price=3600.0) as made:
        order = await made.order(shot(frames=240), ceiling=6.0)
        context = TaskContext(order)
        with pytest.raises(BudgetExceeded):
            await made.take(order, context)
    assert sum(comfyui.counts["succeeded"].values()) == 1
    assert 3_000_000 < context.billed.cost <= 6_000_000, (
        "2 of the first piece, and what is left of 6 for the second"
    )


async def test_what_a_prompt_has_cost_is_told_when_its_job_is_cancelled(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.set(step_s=1.0)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers, price=3600.0) as made:
        order = await made.order(shot(frames=20))
        context = TaskContext(order)
        working = asyncio.create_task(made.take(order, context))
        await until(lambda: context.billed.cost > 1_000_000)
        context.cancelled = "ended"
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        spent = context.billed
        assert 1_000_000 < spent.cost < 8_000_000
        assert spent.gpu_seconds == pytest.approx(spent.cost / 1e6, abs=0.01)
        await until(lambda: not comfyui.state["running"])


async def test_generators_that_share_a_cache_ask_once_what_a_server_can_do(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    cache = MemoryCache()
    for process in ("one", "two"):
        async with generator(bus, tmp_path, [comfyui.url], process=process, cache=cache, workers=workers) as made:
            await until(lambda: made.pool.roster.able_servers("wan22-5b") != frozenset())
    assert comfyui.counts["requests"]["GET /object_info"] == 1
    comfyui.restart()
    async with generator(bus, tmp_path, [comfyui.url], process="three", cache=cache, workers=workers) as made:
        await until(lambda: made.pool.roster.able_servers("wan22-5b") != frozenset())
    assert comfyui.counts["requests"]["GET /object_info"] == 2, "a server that was started anew may be another one"
