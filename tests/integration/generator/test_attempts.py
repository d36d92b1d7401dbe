"""What an attempt is worth: seeds are told as they were, an old graph gives nothing to a new one, files arrive."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2
import numpy as np
import pytest

from libs.bus.connection import Bus
from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent
from libs.contracts.tasks import Animate, Task
from libs.runtime.workers import WorkerPool
from services.generator.comfyui.lease import Lease, Leases
from services.generator.comfyui.library import SHIPPED, load_library
from services.generator.handlers import animate_key
from tests.integration.generator import rig
from tests.integration.generator.rig import Generator, generator
from tests.servers.comfyui import ComfyDouble, accepted
from tests.songs import make_song
from tests.unit.generator.scenes import shot
from tests.waiting import until

SEED = 7


async def lease_of(bus: Bus, task: Task, workflow: str) -> Lease:
    held = await Leases(bus).read(f"{task.message_id}/{workflow}/0")
    assert held is not None
    return held.value


async def drawing(made: Generator) -> Blob:
    pixels = np.full((90, 160, 3), 90, np.uint8)
    pixels[:20, :20] = 200
    return await made.store.put_bytes(cv2.imencode(".png", pixels)[1].tobytes(), "image/png")


def uploaded(double: ComfyDouble) -> list[Path]:
    return [path for path in sorted((double.folder / "input").rglob("*")) if path.is_file()]


async def test_what_is_found_again_tells_the_seed_that_it_was_made_with(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.next_prompt(bad_output="black")
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        task = await made.order(shot(frames=20))
        assert (await made.take(task)).seed == SEED + 1
        assert isinstance(task.body, Animate)
        await made.store.delete(animate_key(task.owner, task.body, made.backend))
        again = await made.take(await made.order(shot(frames=20), job="j2"))
        assert (again.seed, accepted(comfyui)) == (SEED + 1, 2)


async def test_what_a_dead_delivery_has_spent_is_on_the_account_of_the_next(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers, price=3600.0) as made:
        task, alike = [await made.order(shot(frames=20), job=job) for job in ("j1", "j2")]
        first, again, other = TaskContext(task), TaskContext(task), TaskContext(alike)
        await made.take(task, first)
        assert first.billed.cost > 0
        for context in (again, other):
            async for item in made.store.list("result/"):
                if b'"facts"' in (await made.store.get_bytes(item.key) or b""):
                    await made.store.delete(item.key)
            await made.take(context.task, context)
        assert again.billed == first.billed
        assert other.billed.cost == 0, "what another task has made is free"
    assert accepted(comfyui) == 1


async def test_the_prompt_of_an_old_graph_is_called_off_and_counts_for_nothing(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    comfyui.next_prompt(step_s=1.0)
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        task = await made.order(shot(frames=20))
        context = TaskContext(task)
        taking = asyncio.create_task(made.take(task, context))
        await until(lambda: bool(comfyui.state["running"]))
        context.cancelled = "stopped"
        taking.cancel()
        await asyncio.wait((taking,))
    own = tmp_path / "own"
    own.mkdir()
    for name in ("wan22-5b.json", "wan22-5b.toml"):
        text = (SHIPPED / name).read_text()
        (own / name).write_text(text.replace('"steps": 20', '"steps": 21'))
    monkeypatch.setattr(rig, "load_library", lambda: load_library(own))
    comfyui.set(exec_error="a node of glass")
    async with generator(bus, tmp_path, [comfyui.url], process="two", workers=workers) as made:
        with pytest.raises(Permanent):
            await made.take(task)
        ended = (await lease_of(bus, task, "wan22-5b")).ended
    assert [one.code for one in ended] == ["job_cancelled", *["gpu_failed"] * 3]
    assert accepted(comfyui) == 4
    assert not sum(comfyui.counts["succeeded"].values())


async def test_a_picture_that_is_gone_from_the_server_is_sent_again_and_costs_no_attempt(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], chain=("wan22-i2v",), workers=workers) as made:
        still = await drawing(made)
        await made.take(await made.order(shot(frames=20), still=still))
        for path in uploaded(comfyui):
            path.unlink()
        task = await made.order(shot(frames=20, seed=8), job="j2", still=still)
        fact = await made.take(task)
        assert (fact.seed, (await lease_of(bus, task, "wan22-i2v")).ended) == (8, ())
    assert (accepted(comfyui), len(uploaded(comfyui))) == (2, 1)


async def test_files_have_the_ending_of_their_content_on_the_server(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], chain=("wan22-s2v",), workers=workers) as made:
        sound = await made.store.put_bytes(make_song(tmp_path, seconds=6).path.read_bytes(), "audio/wav")
        await made.take(await made.order(shot(frames=20), still=await drawing(made), sound=sound))
    assert sorted(path.suffix for path in uploaded(comfyui)) == [".png", ".wav"]
