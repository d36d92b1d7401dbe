"""Music under a voice: made by the shipped workflow, on doubles of ComfyUI servers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import pytest

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.bus.handler import TaskContext
from libs.contracts.errors import Permanent, Retryable
from libs.contracts.facts import ScoreRendered, TaskAttemptFailed
from libs.contracts.messages import Control
from libs.contracts.tasks import Score, Task
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.comfyui.direction import MUSIC, scoring
from services.generator.comfyui.kept import Kept
from services.generator.comfyui.lease import Leases
from services.generator.comfyui.library import CANARY, load_library
from services.generator.comfyui.members import Members
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.prompter import Prompter
from services.generator.comfyui.slots import Slots
from services.generator.score import NO_WORDS, Scorer, request_of
from tests.servers.comfyui import ComfyDouble, MakeDouble, accepted
from tests.servers.nats import NatsServer
from tests.service_process import ServiceProcess, first_fact

LIBRARY = load_library()


@asynccontextmanager
async def a_scorer(
    bus: Bus, root: Path, urls: Sequence[str], workers: WorkerPool, *, patience_s: float = 20.0
) -> AsyncIterator[Scorer]:
    """What makes music on these servers."""
    workflow = LIBRARY.get(MUSIC)
    store = open_store(f"file://{root}/artifacts")
    async with AsyncExitStack() as stack:
        scratch = await stack.enter_async_context(Scratch(root / "scratch"))
        pool = await stack.enter_async_context(
            Pool(
                Members(urls),
                {workflow.name: workflow},
                Slots(bus),
                process="one",
                canary=LIBRARY.get(CANARY),
                patience_s=patience_s,
            )
        )
        kept = Kept(Prompter(pool, Leases(bus), workers), store, workers)
        yield Scorer(workflow, lambda: (pool, kept), store=store, workers=workers, scratch=scratch)


def order(job: str = "j1", *, seconds: float = 15.0) -> Task:
    body = Score(prompt="calm piano, warm pads", seconds=seconds, seed=7)
    return Task(job_id=job, run=1, task="score", attempt=1, owner="ann", body=body)


async def made(scorer: Scorer, task: Task) -> tuple[ScoreRendered, TaskContext]:
    """What comes of it, and what it has cost."""
    context = TaskContext(task)
    (fact,) = await scorer.score(task, context)
    assert isinstance(fact, ScoreRendered)
    return fact, context


def sent(double: ComfyDouble) -> list[dict[str, Any]]:
    """The graphs of what was made: they stand in the files that were saved."""
    found = []
    for path in sorted((double.folder / "output").rglob("*.flac")):
        with av.open(str(path)) as file:
            found.append(json.loads(file.metadata["prompt"]))
    return found


async def test_a_prompt_becomes_music_and_costs_nothing_twice(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with a_scorer(bus, tmp_path, [comfyui.url], workers) as scorer:
        fact, context = await made(scorer, order())
        assert (fact.workflow, fact.backend, fact.seed) == ("ace-step", "comfyui", 7)
        assert fact.seconds == pytest.approx(15.0, abs=0.1)
        assert fact.sound.media_type == "audio/flac"
        assert context.billed.gpu_seconds > 0
        (graph,) = sent(comfyui)
        assert (graph["20"]["inputs"]["tags"], graph["20"]["inputs"]["lyrics"]) == (
            "calm piano, warm pads",
            NO_WORDS,
        )
        assert (graph["70"]["inputs"]["seconds"], graph["80"]["inputs"]["seed"]) == (15.0, 7)
        again, context = await made(scorer, order("j2"))
        assert (again, context.billed.gpu_seconds, accepted(comfyui)) == (fact, 0.0, 1)


def test_no_more_is_asked_for_than_the_workflow_makes() -> None:
    assert request_of(order(seconds=900.0), LIBRARY.get(MUSIC)).values["seconds"] == 240
    assert request_of(order(seconds=45.0), LIBRARY.get(MUSIC)).values["seconds"] == 45


async def test_silence_is_tried_again_with_another_seed(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.next_prompt(bad_output="black")
    async with a_scorer(bus, tmp_path, [comfyui.url], workers) as scorer:
        fact, _ = await made(scorer, order())
        assert fact.seed != 7
        assert accepted(comfyui) == 2


async def test_three_prompts_without_music_are_enough(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.set(bad_output="garbage")
    async with a_scorer(bus, tmp_path, [comfyui.url], workers) as scorer:
        with pytest.raises(Permanent) as caught:
            await made(scorer, order())
    assert (caught.value.code, accepted(comfyui)) == ("music_failed", 3)


async def test_no_server_that_makes_music(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    double = comfyui_servers(without_nodes=["TextEncodeAceStepAudio"])
    async with a_scorer(bus, tmp_path, [double.url], workers) as scorer:
        with pytest.raises(Permanent) as lacking:
            await made(scorer, order())
    assert lacking.value.code == "music_unavailable"
    double.stop()
    async with a_scorer(bus, tmp_path, [double.url], workers, patience_s=0.5) as scorer:
        with pytest.raises(Retryable) as gone:
            await made(scorer, order())
    assert gone.value.code == "music_unavailable"


async def test_a_killed_server_is_survived(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.next_prompt(crash="running")
    async with a_scorer(bus, tmp_path, [comfyui.url], workers) as scorer:
        fact, _ = await made(scorer, order())
        assert fact.seconds == pytest.approx(15.0, abs=0.1)


async def test_without_servers_it_is_told_what_to_do(nats: NatsServer, bus: Bus, tmp_path: Path) -> None:
    service = ServiceProcess("generator", nats, tmp_path)
    try:
        service.start()
        await service.url()
        await bus.publish_task(order())
        fact = await first_fact(bus)
        assert isinstance(fact.body, TaskAttemptFailed)
        assert (fact.body.code, fact.body.retryable) == ("music_unavailable", False)
        assert await service.stop() == 0
    finally:
        service.kill()


@pytest.mark.parametrize("killed", [False, True])
async def test_a_cancelled_prompt_is_called_off(
    nats: NatsServer, bus: Bus, comfyui: ComfyDouble, tmp_path: Path, killed: bool
) -> None:
    comfyui.set(node_s=5.0)
    service = ServiceProcess("generator", nats, tmp_path, comfyui_urls=comfyui.url, animate="builtin")
    try:
        service.start()
        await service.url()
        await bus.publish_task(order())
        await comfyui.until(lambda state: bool(state["running"]), 30.0)
        if killed:
            service.kill()
        await bus.publish_control(Control(job_id="j1", ended_run=1, state="cancelled", at=datetime.now(UTC)))
        if killed:
            service.start()
            await service.url()
        await comfyui.until(lambda state: not state["running"], 15.0)
        assert sent(comfyui) == []
        assert accepted(comfyui) == 1
        assert await service.stop() == 0
    finally:
        service.kill()


def test_what_a_workflow_needs_to_make_music() -> None:
    assert scoring(LIBRARY) is LIBRARY.get("ace-step")
    for name in ("sdxl", "wan22-5b"):
        with pytest.raises(Permanent) as caught:
            scoring(LIBRARY, name)
        assert caught.value.code == "workflow_unsupported"
