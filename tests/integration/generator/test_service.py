"""The generator as a service: over a real nats-server, alone in its process, ready, stopped, killed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.contracts.facts import TakeRendered, VoiceRendered
from libs.contracts.jobs import JobOptions
from libs.contracts.scripts import Script
from libs.contracts.storyboard import Shot
from libs.contracts.tasks import Animate, Task, Voice
from tests.servers.nats import NatsServer
from tests.service_process import ServiceProcess, first_fact
from tests.unit.generator.scenes import shot, song


@pytest.fixture
def service(nats: NatsServer, tmp_path: Path) -> Iterator[ServiceProcess]:
    service = ServiceProcess("generator", nats, tmp_path)
    service.start()
    yield service
    service.kill()


async def order(store: str, what: Shot) -> Task:
    analysis = await open_store(store).put_bytes(msgspec.json.encode(song()), "application/json")
    body = Animate(shot=what, analysis=analysis, fps="30", width=320, height=180)
    return Task(job_id="job1", run=1, task=f"animate.{what.scene.id}", attempt=1, owner="ann", body=body)


async def test_it_is_ready_and_turns_a_task_into_a_fact(service: ServiceProcess, bus: Bus) -> None:
    url = await service.url()
    async with httpx.AsyncClient() as client:
        ready = await client.get(f"{url}/healthz/ready")
        assert ready.status_code == 200, ready.text
        assert set(ready.json()["checks"]) == {"bus", "consumers", "artifacts", "backend", "voice"}
        await bus.publish_task(await order(service.store, shot("blobs", frames=24)))
        fact = await first_fact(bus)
        assert isinstance(fact.body, TakeRendered)
        assert fact.body.clip.frames == 24
        assert fact.usage.cpu_seconds > 0
        metrics = (await client.get(f"{url}/metrics")).text
    assert 'kind="animate"' in metrics
    assert await service.stop() == 0
    assert service.files_in_work() == []


async def test_it_speaks_a_script(service: ServiceProcess, bus: Bus) -> None:
    await service.url()
    text = msgspec.json.encode(Script(text="The sea is warm tonight."))
    script = await open_store(service.store).put_bytes(text, "application/json")
    body = Voice(script=script, options=JobOptions())
    await bus.publish_task(Task(job_id="job1", run=1, task="voice", attempt=1, owner="ann", body=body))
    fact = await first_fact(bus)
    assert isinstance(fact.body, VoiceRendered)
    assert (fact.body.backend, fact.body.sentences, fact.body.made) == ("piper", 1, 1)
    assert 1.0 < fact.body.duration < 4.0
    assert fact.usage.cpu_seconds > 0
    assert await service.stop() == 0
    assert service.files_in_work() == []


async def test_killed_in_the_middle_the_task_is_done_after_a_restart(service: ServiceProcess, bus: Bus) -> None:
    await service.url()
    await bus.publish_task(await order(service.store, shot("silk", frames=500)))
    deadline = time.monotonic() + 20
    while not service.files_in_work():
        assert time.monotonic() < deadline, service.log()
        await asyncio.sleep(0.01)
    service.kill()
    assert service.files_in_work(), "a killed process can't clean up"
    service.start()
    fact = await first_fact(bus)
    assert isinstance(fact.body, TakeRendered)
    assert fact.attempt == 1
    assert service.files_in_work() == []
    assert len([item async for item in open_store(service.store).list("result/")]) == 1


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.generator"],
        env={**os.environ, "BEATLOOM_GENERATOR_COLOUR": "red", "BEATLOOM_SCRATCH_DIR": str(tmp_path)},
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert b"BEATLOOM_GENERATOR_COLOUR" in done.stderr
