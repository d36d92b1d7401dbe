"""The composer as a service: over a real nats-server, alone in its process, ready, stopped, killed."""

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
import pytest

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.bus.facts import FactConsumer
from libs.contracts.facts import Fact, VideoComposed
from tests.integration.composer.conftest import make_song
from tests.integration.composer.orders import order
from tests.scratch import files_in_work
from tests.servers.nats import MakeNats, NatsServer


class Service:
    """`python -m services.composer` on a free port."""

    def __init__(self, nats: NatsServer, root: Path) -> None:
        self.store = f"file://{root}/artifacts"
        self.scratch = root / "scratch"
        self._log = root / "log"
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BEATLOOM_")},
            "BEATLOOM_NATS_URL": nats.url,
            "BEATLOOM_NATS_TOKEN": nats.token,
            "BEATLOOM_ARTIFACTS_URL": self.store,
            "BEATLOOM_SCRATCH_DIR": str(self.scratch),
            "BEATLOOM_WORKERS": "1",
            "BEATLOOM_ACK_WAIT_S": "2",
            "BEATLOOM_COMPOSER_PORT": "0",
            "BEATLOOM_COMPOSER_ENCODERS": "1",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.composer"], env=self._env, stdout=log, stderr=log
            )

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def url(self) -> str:
        async with asyncio.timeout(30):
            while True:
                found = re.search(r'"port":\s*(\d+)', self._log.read_text())
                if found:
                    return f"http://127.0.0.1:{found.group(1)}"
                await asyncio.sleep(0.05)

    def leftovers(self) -> list[Path]:
        return files_in_work(self.scratch)

    async def records(self) -> set[str]:
        return {item.key async for item in open_store(self.store).list("result/")}


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


async def first_fact(bus: Bus) -> Fact:
    came: asyncio.Queue[Fact] = asyncio.Queue()
    consumer = FactConsumer(bus, came.put)
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            return await came.get()
    finally:
        await consumer.stop()


async def test_killed_in_the_middle_only_what_was_in_work_is_done_again(
    service: Service, bus: Bus, tmp_path: Path
) -> None:
    song = await make_song(tmp_path / "song.mp3", 9.0)
    task = await order(open_store(service.store), tmp_path, song, lengths=[27] * 10, overlaps=[0] * 10)
    url = await service.url()
    async with httpx.AsyncClient() as client:
        ready = await client.get(f"{url}/healthz/ready")
        assert ready.status_code == 200, ready.text
        assert set(ready.json()["checks"]) == {"bus", "consumers", "artifacts", "ffmpeg"}
    await bus.publish_task(task)
    deadline = time.monotonic() + 30
    while len(done := await service.records()) < 4:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    service.end()
    store = open_store(service.store)
    before = {key: await store.get_bytes(key) for key in await service.records()}
    assert len(before) < 12, "it was too quick to be killed in the middle"
    service.start()
    fact = await first_fact(bus)
    assert isinstance(fact.body, VideoComposed)
    assert (fact.attempt, fact.body.frames) == (1, 270)
    assert done <= set(before)
    # Ten segments, the sound and the video, each once; those that were there are untouched.
    assert len(await service.records()) == 12
    assert {key: await store.get_bytes(key) for key in before} == before
    assert service.leftovers() == []
    assert service.process is not None
    service.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(service.process.wait, 20) == 0
