"""Who lives and who doesn't: servers that refuse, are silent or come back, and what a silence may cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from libs.bus.connection import Bus
from libs.bus.handler import TaskContext
from libs.bus.worker import Worker
from libs.contracts import subjects
from libs.contracts.facts import TakeRendered
from libs.contracts.tasks import Task
from libs.runtime.workers import WorkerPool
from services.generator.comfyui import following, refusals
from services.generator.comfyui.address import Address
from services.generator.comfyui.answers import Graph, OutputFile, Queue
from services.generator.comfyui.download import Downloaded
from services.generator.comfyui.errors import Unreachable
from services.generator.comfyui.gateway import Gateway
from services.generator.comfyui.lease import Lease, Leases
from tests.integration.bus.orders import facts, waiting
from tests.integration.generator.rig import Generator, generator
from tests.servers.comfyui import ComfyDouble, MakeDouble, accepted
from tests.servers.nats import MakeNats
from tests.unit.generator.scenes import shot
from tests.waiting import until

SEED = 7
ACK_WAIT_S = 3.0
"""Long beside what a busy machine is late by."""
SILENCE_S = 40.0
WORKFLOW = "wan22-5b"


def work_of(task: Task) -> str:
    return f"{task.message_id}/{WORKFLOW}/0"


async def lease_of(bus: Bus, task: Task) -> Lease:
    held = await Leases(bus).read(work_of(task))
    assert held is not None
    return held.value


async def able(made: Generator, servers: int = 1) -> None:
    await until(lambda: len(made.pool.roster.able_servers(WORKFLOW)) == servers)


@asynccontextmanager
async def answering(reply: bytes | None) -> AsyncIterator[str]:
    """A server that says this to everybody, b"": nothing, and hangs up; None: says nothing, until they give up."""

    talks: set[asyncio.Task[object]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        await reader.readuntil(b"\r\n\r\n")
        if reply is None:
            await reader.read()
        writer.write(reply or b"")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        yield f"http://{host}:{port}"
        await asyncio.gather(*talks)


def status(code: int) -> bytes:
    return f"HTTP/1.1 {code} Something\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("reply", "refused"),
    [(b"", True), (status(502), True), (status(503), True), (status(504), False), (None, False)],
    ids=["hangs_up", "502", "503", "504", "silent"],
)
async def test_who_says_that_nobody_is_there(reply: bytes | None, refused: bool) -> None:
    async with answering(reply) as url, Gateway(Address(url), "test", quick_s=0.3) as gateway:
        with pytest.raises(Unreachable) as error:
            await gateway.queue()
    assert error.value.refused == refused


@pytest.mark.parametrize(
    ("url", "refused"),
    [("http://127.0.0.1:9", True), ("http://localhost:9", True), ("http://nobody.invalid:9", False)],
)
async def test_a_port_that_refuses_is_told_from_a_name_that_is_not_found(url: str, refused: bool) -> None:
    async with Gateway(Address(url), "test", quick_s=3.0) as gateway:
        with pytest.raises(Unreachable) as error:
            await gateway.queue()
    assert error.value.refused == refused


async def test_a_port_that_refuses_ends_the_attempt_long_before_a_silence_would(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "REFUSED_S", 1.5)
    doubles = [comfyui_servers(step_s=0.3) for _ in range(2)]
    async with generator(bus, tmp_path, [double.url for double in doubles], workers=workers) as made:
        await able(made, 2)
        task = await made.order(shot(frames=20))
        taking = asyncio.create_task(made.take(task))
        await until(lambda: any(double.state["running"] for double in doubles))
        next(double for double in doubles if double.state["running"]).stop()
        async with asyncio.timeout(following.AWAY_S / 2):
            await taking
        (ended,) = (await lease_of(bus, task)).ended
    assert (ended.code, ended.infrastructure) == ("gpu_unreachable", True)
    assert "dead" in ended.message


async def test_a_quick_restart_is_seen_as_one(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "REFUSED_S", 4.0)
    comfyui.next_prompt(step_s=0.5)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        task = await made.order(shot(frames=20))
        taking = asyncio.create_task(made.take(task))
        await until(lambda: bool(comfyui.state["running"]))
        await asyncio.to_thread(comfyui.restart, 1.0)
        await taking
        (ended,) = (await lease_of(bus, task)).ended
    assert (ended.code, ended.message) == ("gpu_lost", "the prompt is lost: restarted")
    assert accepted(comfyui) == 2


async def test_a_silent_network_is_given_its_time(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "REFUSED_S", 0.5)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        await able(made)
        (server,) = made.pool.roster.servers.values()
        monkeypatch.setattr(server.gateway, "_quick_s", 0.2)
        comfyui.next_prompt(step_s=0.3)
        taking = asyncio.create_task(made.take(await made.order(shot(frames=20))))
        await until(lambda: bool(comfyui.state["running"]))
        comfyui.set(answer_s=0.6)
        await asyncio.sleep(4.0)
        assert not server.present
        assert not taking.done()
        comfyui.set(answer_s=0.0)
        await taking
    assert accepted(comfyui) == 1


async def test_a_server_that_is_down_while_nothing_runs_costs_no_attempt(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        await able(made)
        (server,) = made.pool.roster.servers.values()
        await until(lambda: server.present)
        comfyui.stop()
        task = await made.order(shot(frames=20))
        taking = asyncio.create_task(made.take(task))
        await asyncio.sleep(6.0)
        comfyui.start()
        assert (await taking).seed == SEED
        assert (await lease_of(bus, task)).ended == ()


async def test_an_order_that_no_way_leads_to_its_server_waits_for_one(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        await able(made)
        (server,) = made.pool.roster.servers.values()
        with monkeypatch.context() as patch:

            async def no_way(graph: Graph, prompt_id: str) -> float:
                raise Unreachable("no way", after=0.0, reached=False)

            async def silence() -> Queue:
                await asyncio.sleep(2.0)
                raise Unreachable("silence", after=2.0, reached=False)

            patch.setattr(server.gateway, "submit", no_way)
            patch.setattr(server.gateway, "queue", silence)
            task = await made.order(shot(frames=20))
            taking = asyncio.create_task(made.take(task))
            await asyncio.sleep(8.0)
            assert not taking.done()
        await taking
        lost = len((await lease_of(bus, task)).ended)
        assert lost <= 2, "the second may be on its way before the silence is heard; the third waits"


async def test_a_prompt_that_nobody_wants_any_more_is_stopped_when_its_server_is_back(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "AWAY_S", 4.0)
    doubles = [comfyui_servers() for _ in range(2)]
    async with generator(bus, tmp_path, [double.url for double in doubles], workers=workers) as made:
        await able(made, 2)
        for server in made.pool.roster.servers.values():
            monkeypatch.setattr(server.gateway, "_quick_s", 1.0)
        for double in doubles:
            double.set(step_s=4.0)
        taking = asyncio.create_task(made.take(await made.order(shot(frames=20))))
        await until(lambda: any(double.state["running"] for double in doubles))
        silent = next(double for double in doubles if double.state["running"])
        silent.set(answer_s=3.0, socket="silent")
        other = next(double for double in doubles if double is not silent)
        other.set(step_s=0.01)
        await until(lambda: accepted(other) == 1)
        assert silent.state["running"]
        silent.set(answer_s=0.0)
        await until(lambda: not silent.state["running"])
        assert not sum(silent.counts["succeeded"].values())
        await taking


async def test_what_a_prompt_has_made_is_fetched_from_a_server_that_was_started_anew(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        await able(made)
        (server,) = made.pool.roster.servers.values()
        download, restarts = server.gateway.download, list[asyncio.Task[None]]()

        async def dying(file: OutputFile, target: Path) -> Downloaded:
            if not restarts:
                comfyui.stop()
                restarts.append(asyncio.create_task(asyncio.to_thread(comfyui.restart, 4.0)))
            return await download(file, target)

        monkeypatch.setattr(server.gateway, "download", dying)
        await made.take(await made.order(shot(frames=20)))
        await restarts[0]
    assert accepted(comfyui) == 1


async def test_a_server_that_restarted_just_before_the_prompt_came_has_not_lost_it(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        await able(made)
        (server,) = made.pool.roster.servers.values()
        await asyncio.sleep(0.5)
        before = server.epoch
        await asyncio.to_thread(comfyui.restart)
        comfyui.set(step_s=0.3, history_gap_s=2.0)
        assert server.epoch == before, "nobody has noticed yet"
        await made.take(await made.order(shot(frames=20)))
    assert accepted(comfyui) == 1


async def test_what_an_attempt_gave_that_another_generator_has_ended_is_thrown_away(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.next_prompt(step_s=0.2)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        task = await made.order(shot(frames=20))
        taking = asyncio.create_task(made.take(task))
        await until(lambda: bool(comfyui.state["running"]))
        leases = Leases(bus)
        held = await leases.read(work_of(task))
        assert held is not None
        await leases.put(msgspec.structs.replace(held.value, open=False), held)
        await taking
    assert accepted(comfyui) == 2


async def deliveries(bus: Bus) -> int:
    info = await bus.js.consumer_info(subjects.TASKS, subjects.task_consumer("animate", "low"))
    assert info.delivered is not None
    count: int = info.delivered.consumer_seq
    return count


async def test_servers_that_fall_silent_leave_deliveries_for_workers_that_die(
    nats_server: MakeNats,
    comfyui_servers: MakeDouble,
    tmp_path: Path,
    workers: WorkerPool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "LIFE_S", 3.0)
    monkeypatch.setattr(following, "AWAY_S", 3.0 + 2 * ACK_WAIT_S)
    nats = nats_server()
    doubles = [comfyui_servers(step_s=0.3) for _ in range(3)]
    async with AsyncExitStack() as ends:
        bus = await Bus.connect(nats.url, nats.token, name="test", ack_wait_s=ACK_WAIT_S)
        ends.push_async_callback(bus.close)
        await bus.ensure_topology()
        urls = [double.url for double in doubles]
        made = await ends.enter_async_context(generator(bus, tmp_path, urls, workers=workers))
        await able(made, 3)
        for server in made.pool.roster.servers.values():
            monkeypatch.setattr(server.gateway, "_quick_s", 0.2)
        handlers: Mapping[Any, Callable[..., Any]] = {"animate": lambda task, context: one(made, task, context)}
        worker = Worker(bus, handlers, concurrency=4)
        ends.push_async_callback(worker.stop)
        await worker.start()
        await bus.publish_task(await made.order(shot(frames=20)))
        for number in range(2):
            await until(lambda count=number + 1: sum(map(accepted, doubles)) == count, seconds=SILENCE_S)
            for double in doubles:
                double.set(answer_s=1.0 if double.state["running"] else 0.0)
        await until(lambda: sum(map(accepted, doubles)) == 3, seconds=SILENCE_S)
        for double in doubles:
            double.set(answer_s=0.0)

        async def done() -> bool:
            return await waiting(bus) == 0

        await until(done, seconds=SILENCE_S)
        told = [fact.body for fact in await facts(bus)]
        assert len(told) == 1
        assert isinstance(told[0], TakeRendered)
        assert sum(map(accepted, doubles)) == 3
        assert await deliveries(bus) <= 3, "one, and one for each silence"


async def one(made: Generator, task: Task, context: TaskContext) -> list[Any]:
    return [await made.take(task, context)]
