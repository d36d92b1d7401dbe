"""The generator as a service: over a real nats-server, alone in its process, ready, stopped, killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.bus.facts import FactConsumer
from libs.contracts.facts import Fact, TakeRendered
from libs.contracts.storyboard import Shot
from libs.contracts.tasks import Animate, Task
from tests.scratch import files_in_work
from tests.servers.nats import MakeNats, NatsServer
from tests.unit.generator.scenes import shot, song


class Service:
    """`python -m services.generator` on a free port."""

    def __init__(self, nats: NatsServer, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BEATLOOM_")},
            "BEATLOOM_NATS_URL": nats.url,
            "BEATLOOM_NATS_TOKEN": nats.token,
            "BEATLOOM_ARTIFACTS_URL": f"file://{root}/artifacts",
            "BEATLOOM_SCRATCH_DIR": str(root / "scratch"),
            "BEATLOOM_WORKERS": "1",
            "BEATLOOM_ACK_WAIT_S": "2",
            "BEATLOOM_SHUTDOWN_GRACE_S": "1",
            "BEATLOOM_GENERATOR_PORT": "0",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        self.log.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.generator"], env=self._env, stdout=log, stderr=log
            )
        return self.process

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def url(self) -> str:
        async with asyncio.timeout(20):
            while True:
                found = re.search(r'"port":\s*(\d+)', self.log.read_text())
                if found:
                    return f"http://127.0.0.1:{found.group(1)}"
                await asyncio.sleep(0.05)

    def scratch_files(self) -> list[Path]:
        return files_in_work(self.root / "scratch")


@pytest.fixture
async def nats(nats_server: MakeNats) -> NatsServer:
    return nats_server()


@pytest.fixture
async def service(nats: NatsServer, tmp_path: Path) -> AsyncIterator[Service]:
    service = Service(nats, tmp_path)
    service.start()
    yield service
    service.end()


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    bus = await Bus.connect(nats.url, nats.token, name="test")
    await bus.ensure_topology()
    yield bus
    await bus.close()


async def order(root: Path, what: Shot) -> Task:
    store = open_store(f"file://{root}/artifacts")
    analysis = await store.put_bytes(msgspec.json.encode(song()), "application/json")
    body = Animate(shot=what, analysis=analysis, fps="30", width=320, height=180)
    return Task(job_id="job1", run=1, task=f"animate.{what.scene.id}", attempt=1, owner="ann", body=body)


async def first_fact(bus: Bus) -> Fact:
    came: asyncio.Queue[Fact] = asyncio.Queue()
    consumer = FactConsumer(bus, came.put)
    await consumer.start()
    try:
        async with asyncio.timeout(25):
            return await came.get()
    finally:
        await consumer.stop()


async def test_it_is_ready_and_turns_a_task_into_a_fact(service: Service, bus: Bus) -> None:
    url = await service.url()
    async with httpx.AsyncClient() as client:
        ready = await client.get(f"{url}/healthz/ready")
        assert ready.status_code == 200, ready.text
        assert set(ready.json()["checks"]) == {"bus", "consumers", "artifacts", "backend"}
        await bus.publish_task(await order(service.root, shot("blobs", frames=24)))
        fact = await first_fact(bus)
        assert isinstance(fact.body, TakeRendered)
        assert fact.body.clip.frames == 24
        assert fact.usage.cpu_seconds > 0
        metrics = (await client.get(f"{url}/metrics")).text
    assert 'kind="animate"' in metrics
    assert service.process is not None
    service.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(service.process.wait, 15) == 0
    assert service.scratch_files() == []


async def test_killed_in_the_middle_the_task_is_done_after_a_restart(service: Service, bus: Bus) -> None:
    await service.url()
    await bus.publish_task(await order(service.root, shot("silk", frames=500)))
    deadline = time.monotonic() + 20
    while not service.scratch_files():
        assert time.monotonic() < deadline, service.log.read_text()
        await asyncio.sleep(0.01)
    service.end()
    assert service.scratch_files(), "a killed process can't clean up"
    service.start()
    fact = await first_fact(bus)
    assert isinstance(fact.body, TakeRendered)
    assert fact.attempt == 1
    assert service.scratch_files() == []
    store = open_store(f"file://{service.root}/artifacts")
    assert len([item async for item in store.list("result/")]) == 1


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
