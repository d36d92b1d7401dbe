"""Shots through ComfyUI servers: real bus, store and children, and doubles of servers that do what servers do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from libs.bus.connection import Bus
from libs.bus.handler import Bill, TaskContext
from libs.contracts.errors import Permanent, Retryable
from libs.contracts.facts import TakeRendered
from libs.runtime.workers import WorkerPool
from services.generator.comfyui import following, watch
from services.generator.comfyui.request import Exhausted
from tests.integration.generator.rig import HEIGHT, WIDTH, Generator, generator
from tests.servers.comfyui import ComfyDouble, MakeDouble, accepted
from tests.unit.generator.scenes import shot
from tests.waiting import until

SEED = 7


async def frames_of(made: Generator, fact: TakeRendered) -> int:
    async with made.store.local(fact.clip.blob) as path:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.width, stream.codec_context.height) == (WIDTH, HEIGHT)
            assert stream.average_rate == 30
            return sum(1 for _ in container.decode(video=0))


async def test_a_shot_becomes_a_clip_and_costs_nothing_again(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        order = await made.order(shot(frames=40, lead=4))
        context = TaskContext(order)
        fact = await made.take(order, context)
        assert (fact.backend, fact.workflow, fact.fallback, fact.seed) == ("comfyui", "wan22-5b", False, SEED)
        assert await frames_of(made, fact) == 40
        assert context.billed.gpu_seconds > 0
        again = TaskContext(order)
        assert await made.take(order, again) == fact
        assert (again.billed, again.reused) == (context.billed, False), "perhaps nobody has heard of the first"
        other = await made.order(shot(frames=40, lead=4), job="j2")
        found = TaskContext(other)
        elsewhere = await made.take(other, found)
        assert (found.billed, found.reused) == (Bill(), True)
        assert elsewhere.clip.blob == fact.clip.blob
        assert accepted(comfyui) == 1
        await made.take(await made.order(shot(frames=40, lead=4), job="j3", owner="eve"))
        assert accepted(comfyui) == 2, "results are never shared between users"


@pytest.mark.parametrize(
    ("switches", "prompts"),
    [
        ({"history_delay_s": 1.0}, 1),
        ({"history_gap_s": 1.0}, 1),
        ({"socket": "silent"}, 1),
        ({"socket": "deaf"}, 1),
        ({"socket": "refused"}, 1),
        ({"socket_life_events": 3}, 1),
        ({"stall_s": 2.0}, 1),
        ({"answer_s": 0.2}, 1),
        ({"lost_answer": "after"}, 1),
        ({"upload_renames": True}, 1),
        ({"n_cut_downloads": 2}, 1),
        ({"stale_cache": True}, 1),
        ({"version": "0.3.64"}, 1),
        ({"flap_up_s": 0.7, "flap_down_s": 0.4, "step_s": 0.2}, 1),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
async def test_what_is_only_slow_or_silent_costs_no_second_prompt(
    bus: Bus,
    comfyui_servers: MakeDouble,
    tmp_path: Path,
    workers: WorkerPool,
    switches: dict[str, Any],
    prompts: int,
) -> None:
    double = comfyui_servers(**switches)
    async with generator(bus, tmp_path, [double.url], workers=workers) as made:
        fact = await made.take(await made.order(shot(frames=40)))
        assert await frames_of(made, fact) == 40
        assert (accepted(double), fact.seed, fact.fallback) == (prompts, SEED, False)


@pytest.mark.parametrize(
    ("first", "seed"),
    [
        ({"exec_error": "a node of glass"}, SEED),
        ({"oom": "always"}, SEED),
        pytest.param({"crash": "accepted"}, SEED, marks=pytest.mark.matrix),
        ({"crash": "running"}, SEED),
        pytest.param({"crash": "done"}, SEED, marks=pytest.mark.matrix),
        ({"bad_output": "black"}, SEED + 1),
        pytest.param({"bad_output": "frozen"}, SEED + 1, marks=pytest.mark.matrix),
        pytest.param({"bad_output": "short"}, SEED + 1, marks=pytest.mark.matrix),
        ({"bad_output": "none"}, SEED + 1),
        pytest.param({"bad_output": "garbage"}, SEED + 1, marks=pytest.mark.matrix),
        ({"truncate_file": True}, SEED + 1),
    ],
    ids=lambda value: "-".join(map(str, next(iter(value.items())))) if isinstance(value, dict) else None,
)
async def test_what_failed_once_is_made_by_a_second_prompt(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, first: dict[str, Any], seed: int
) -> None:
    comfyui.next_prompt(**first)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        fact = await made.take(await made.order(shot(frames=40)))
        assert await frames_of(made, fact) == 40
        assert (accepted(comfyui), fact.seed, fact.fallback) == (2, seed, False)


async def test_three_attempts_then_the_next_of_the_chain_which_is_marked_and_not_kept(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.set(exec_error="a node of glass")
    chain = ("wan22-5b", "builtin")
    async with generator(bus, tmp_path, [comfyui.url], chain=chain, workers=workers) as made:
        order = await made.order(shot(frames=20))
        context = TaskContext(order)
        fact = await made.take(order, context)
        assert (fact.backend, fact.fallback, fact.workflow) == ("builtin", True, "")
        assert await frames_of(made, fact) == 20
        assert accepted(comfyui) == 3
        assert context.billed.gpu_seconds > 0, "what failed has cost something too"
        assert await made.take(order) == fact, "a redelivery sends no more prompts"
        assert accepted(comfyui) == 3
        comfyui.set(exec_error="")
        mended = await made.take(await made.order(shot(frames=20), attempt=2))
        assert (mended.backend, mended.fallback) == ("comfyui", False)


async def test_given_up_it_tells_its_whole_history(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.set(exec_error="a node of glass")
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        with pytest.raises(Exhausted) as given_up:
            await made.take(await made.order(shot(frames=20)))
    assert given_up.value.code == "gpu_failed"
    assert given_up.value.detail.count("a node of glass") == 3
    assert "a node of glass" not in given_up.value.message


@pytest.mark.parametrize(
    ("switches", "code", "names"),
    [
        ({"without_nodes": ["Wan22ImageToVideoLatent"]}, "workflow_unsupported", "Wan22ImageToVideoLatent"),
        ({"models": {}}, "workflow_missing_model", "models/diffusion_models/wan2.2_ti2v_5B_fp16.safetensors"),
        ({"vram_bytes": 4 << 30}, "workflow_unsupported", "4 GB"),
    ],
    ids=["class", "model", "memory"],
)
async def test_what_no_server_has_is_named_at_once(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool, switches: Any, code: str, names: str
) -> None:
    double = comfyui_servers(**switches)
    async with generator(bus, tmp_path, [double.url], workers=workers) as made:
        async with asyncio.timeout(10):
            with pytest.raises(Permanent) as error:
                await made.take(await made.order(shot(frames=20)))
    assert error.value.code == code
    assert names in error.value.message
    assert accepted(double) == 0


async def test_a_server_that_takes_half_a_graph_is_told_to_drop_it_and_asked_no_more(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    half, whole = comfyui_servers(partial=True), comfyui_servers()
    async with generator(bus, tmp_path, [half.url, whole.url], workers=workers) as made:
        await until(lambda: len(made.pool.roster.able_servers("wan22-5b")) == 2)
        for number in range(4):
            order = await made.order(shot(frames=20, seed=number), job=f"j{number}")
            assert (await made.take(order)).fallback is False
    assert accepted(half) <= 1
    assert not half.state["running"]
    assert not half.state["pending"]
    assert accepted(whole) == 4


async def test_out_of_memory_asks_for_less_then_for_a_larger_server(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    small = comfyui_servers(oom="always", vram_bytes=24 << 30)
    async with generator(bus, tmp_path, [small.url], workers=workers) as made:
        with pytest.raises(Permanent) as error:
            await made.take(await made.order(shot(frames=20)))
        assert error.value.code == "gpu_out_of_memory"
        assert accepted(small) == 2, "in its two profiles"
        assert small.counts["freed"] == 2
    large = comfyui_servers(vram_bytes=80 << 30)
    async with generator(bus, tmp_path, [small.url, large.url], workers=workers) as made:
        fact = await made.take(await made.order(shot(frames=20)))
        assert (fact.backend, accepted(large)) == ("comfyui", 1)


async def test_a_dead_server_only_costs_time(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "AWAY_S", 1.5)
    first, second = comfyui_servers(step_s=0.5), comfyui_servers(step_s=0.5)
    async with generator(bus, tmp_path, [first.url, second.url], workers=workers) as made:
        await until(lambda: len(made.pool.roster.able_servers("wan22-5b")) == 2)
        taking = asyncio.create_task(made.take(await made.order(shot(frames=20))))
        await until(lambda: accepted(first) + accepted(second) == 1)
        dead, living = (first, second) if accepted(first) else (second, first)
        dead.stop()
        fact = await taking
        assert (fact.backend, accepted(living)) == ("comfyui", 1)


async def test_a_lost_answer_to_what_never_arrived_is_sent_again(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GRACE_S", 1.0)
    comfyui.set(lost_answer="before")
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        taking = asyncio.create_task(made.take(await made.order(shot(frames=20))))
        await until(lambda: comfyui.counts["requests"].get("POST /prompt", 0) > 0)
        comfyui.set(lost_answer="")
        await taking
    assert accepted(comfyui) == 1


async def test_a_stranger_who_stops_it_stops_nothing(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.set(step_s=0.3)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        taking = asyncio.create_task(made.take(await made.order(shot(frames=20))))
        await until(lambda: bool(comfyui.state["running"]))
        async with httpx.AsyncClient() as stranger:
            await stranger.post(f"{comfyui.url}/interrupt")
        comfyui.set(step_s=0.002)
        assert (await taking).fallback is False
    assert accepted(comfyui) == 2


@pytest.mark.parametrize("why", ["ended", "stopped"])
async def test_a_cancelled_job_stops_its_prompt_and_a_stopping_worker_leaves_it(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, why: Any
) -> None:
    comfyui.set(step_s=0.2)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        order = await made.order(shot(frames=20))
        context = TaskContext(order)
        taking = asyncio.create_task(made.take(order, context))
        await until(lambda: bool(comfyui.state["running"]))
        context.cancelled = why
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        assert (not comfyui.state["running"]) == (why == "ended")
    async with generator(bus, tmp_path, [comfyui.url], process="two", workers=workers) as made:
        assert (await made.take(order)).fallback is False
    assert accepted(comfyui) == (2 if why == "ended" else 1), "what was left running is picked up"


async def test_nobody_there_is_told_after_a_while(bus: Bus, tmp_path: Path, workers: WorkerPool) -> None:
    async with generator(bus, tmp_path, ["http://127.0.0.1:9"], workers=workers, patience_s=1.0) as made:
        with pytest.raises(Retryable) as error:
            await made.take(await made.order(shot(frames=20)))
        assert error.value.code == "no_gpu_server"
        with pytest.raises(Retryable):
            await made.backend.check()


async def test_a_long_shot_is_made_in_pieces_that_go_on_from_each_other(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        fact = await made.take(await made.order(shot(frames=240)))
        assert await frames_of(made, fact) == 240
    assert accepted(comfyui) == 2
    assert comfyui.counts["uploads"] >= 1
