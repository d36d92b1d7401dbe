"""Analyzer and planner as services: alone in their processes over a real nats-server, killed and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.contracts.facts import StoryboardPlanned, TaskAttemptFailed, TrackAnalyzed
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Storyboard
from libs.contracts.tasks import Analyze, Plan, Task
from tests.integration.analyzer.tunes import tune, write_wav
from tests.servers.nats import NatsServer
from tests.service_process import ServiceProcess, first_fact

MakeService = Callable[[str], ServiceProcess]


@pytest.fixture
def start(nats: NatsServer, tmp_path: Path) -> Iterator[MakeService]:
    services: list[ServiceProcess] = []

    def make(name: str) -> ServiceProcess:
        service = ServiceProcess(name, nats, tmp_path)
        services.append(service)
        service.start()
        return service

    yield make
    for service in services:
        service.kill()


def task_of(body: Analyze | Plan) -> Task:
    kind = "analyze" if isinstance(body, Analyze) else "plan"
    return Task(job_id="job1", run=1, task=kind, attempt=1, owner="ann", body=body)


async def song_task(root: Path) -> Task:
    store = open_store(f"file://{root}/artifacts")
    return task_of(Analyze(song=await store.put_file(write_wav(root / "song.wav", tune(12.0)), "audio/wav")))


async def records(root: Path) -> list[str]:
    return [stored.key async for stored in open_store(f"file://{root}/artifacts").list("result/")]


async def test_a_song_is_heard_and_planned_by_services_that_are_ready(
    start: MakeService, bus: Bus, tmp_path: Path
) -> None:
    services = [start("analyzer"), start("planner")]
    async with httpx.AsyncClient() as client:
        for service in services:
            url = await service.url()
            ready = await client.get(f"{url}/healthz/ready")
            assert ready.status_code == 200, ready.text
            assert set(ready.json()["checks"]) == {"bus", "consumers", "artifacts"}
        await bus.publish_task(await song_task(tmp_path))
        heard = (await first_fact(bus)).body
        assert isinstance(heard, TrackAnalyzed)
        assert heard.bpm == pytest.approx(120.0, rel=0.01)
        await bus.publish_task(task_of(Plan(analysis=heard.analysis, options=JobOptions(height=180), seed=7)))
        planned = (await first_fact(bus)).body
        assert isinstance(planned, StoryboardPlanned)
        assert planned.frames == 360
        assert len(planned.shots) >= 3
        data = await open_store(f"file://{tmp_path}/artifacts").get_bytes(planned.storyboard.key)
        assert data is not None
        storyboard = msgspec.json.decode(data, type=Storyboard)
        assert [shot.scene for shot in planned.shots] == list(storyboard.scenes)
        metrics = (await client.get(f"{await services[0].url()}/metrics")).text
        assert 'beatloom_tasks_total{kind="analyze",outcome="done"} 1.0' in metrics


async def test_a_killed_analyzer_does_the_work_once_after_its_restart(
    start: MakeService, bus: Bus, tmp_path: Path
) -> None:
    analyzer = start("analyzer")
    await analyzer.url()
    await bus.publish_task(await song_task(tmp_path))
    await asyncio.sleep(0.3)
    analyzer.kill()
    analyzer.start()
    fact = await first_fact(bus)
    assert isinstance(fact.body, TrackAnalyzed)
    assert fact.attempt == 1
    assert len(await records(tmp_path)) == 1


async def test_an_order_that_cannot_succeed_is_answered_with_its_code(
    start: MakeService, bus: Bus, tmp_path: Path
) -> None:
    store = open_store(f"file://{tmp_path}/artifacts")
    start("planner")
    broken = await store.put_bytes(b"{}", "application/json")
    await bus.publish_task(task_of(Plan(analysis=broken, options=JobOptions(), seed=1)))
    body = (await first_fact(bus)).body
    assert isinstance(body, TaskAttemptFailed)
    assert not body.retryable
    assert await records(tmp_path) == []


async def test_sigterm_ends_it_cleanly(start: MakeService, bus: Bus) -> None:
    planner = start("planner")
    await planner.url()
    assert await planner.stop() == 0
