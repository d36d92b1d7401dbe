"""The composer as a service: over a real nats-server, alone in its process, ready, stopped, killed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.contracts.facts import VideoComposed
from libs.media.encoding import USUAL
from tests.integration.composer.conftest import make_song
from tests.integration.composer.narrated import ahead_of, order_narrated
from tests.integration.composer.orders import conform, mix, order
from tests.servers.nats import NatsServer
from tests.service_process import ServiceProcess, first_fact, first_facts


@pytest.fixture
def service(nats: NatsServer, tmp_path: Path) -> Iterator[ServiceProcess]:
    service = ServiceProcess("composer", nats, tmp_path, encoders="1")
    service.start()
    yield service
    service.kill()


async def records(service: ServiceProcess) -> set[str]:
    return {item.key async for item in open_store(service.store).list("result/")}


async def test_killed_in_the_middle_only_what_was_in_work_is_done_again(
    service: ServiceProcess, bus: Bus, tmp_path: Path
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
    while len(done := await records(service)) < 4:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    service.kill()
    store = open_store(service.store)
    before = {key: await store.get_bytes(key) for key in await records(service)}
    assert len(before) < 12, "it was too quick to be killed in the middle"
    service.start()
    fact = await first_fact(bus)
    assert isinstance(fact.body, VideoComposed)
    assert (fact.attempt, fact.body.frames) == (1, 270)
    assert done <= set(before)
    # Ten segments, the sound and the video, each once; those that were there are untouched.
    assert len(await records(service)) == 12
    assert {key: await store.get_bytes(key) for key in before} == before
    assert service.files_in_work() == []
    assert await service.stop() == 0


async def test_killed_while_it_works_ahead_it_goes_on_and_the_video_has_all_of_it(
    service: ServiceProcess, bus: Bus, tmp_path: Path
) -> None:
    song = await make_song(tmp_path / "song.mp3", 5.4)
    store = open_store(service.store)
    task = await order(store, tmp_path, song, lengths=[27] * 6, overlaps=[0] + [8] * 5, quality=USUAL)
    ahead = [conform(task, number, fades=True) for number in range(1, 6)]
    await service.url()
    for one in [mix(task), *ahead, ahead[0]]:  # the last is a copy
        await bus.publish_task(one)
    deadline = time.monotonic() + 30
    while len(await records(service)) < 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    service.kill()
    before = {key: await store.get_bytes(key) for key in await records(service)}
    assert len(before) < 6, "it was too quick to be killed in the middle"
    service.start()
    answers = await first_facts(bus, 6)
    assert {fact.name for fact in answers} == {"soundtrack.mixed", "scene.conformed"}
    assert sorted(fact.task for fact in answers) == sorted(["mix", *(one.task for one in ahead)])
    assert {fact.attempt for fact in answers} == {1}
    made = {key: await store.get_bytes(key) for key in await records(service)}
    assert len(made) == 6 and before.items() <= made.items()
    await bus.publish_task(task)
    assert isinstance((await first_fact(bus)).body, VideoComposed)
    after = {key: await store.get_bytes(key) for key in await records(service)}
    assert len(after) == 7 and made.items() <= after.items(), "the video alone is new"
    assert service.files_in_work() == []
    assert await service.stop() == 0


async def test_killed_while_it_mixes_and_lights_words_it_goes_on(
    service: ServiceProcess, bus: Bus, tmp_path: Path
) -> None:
    store = open_store(service.store)
    bed = await make_song(tmp_path / "bed.mp3", 5.0)
    task = await order_narrated(store, tmp_path, bed=bed)
    orders = ahead_of(task)
    await service.url()
    for one in [*orders, orders[0]]:  # the last is a copy
        await bus.publish_task(one)
    deadline = time.monotonic() + 30
    while len(await records(service)) < 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    service.kill()
    before = {key: await store.get_bytes(key) for key in await records(service)}
    assert len(before) < 10, "it was too quick to be killed in the middle"
    service.start()
    await first_facts(bus, 5)
    await bus.publish_task(task)
    fact = (await first_fact(bus)).body
    assert isinstance(fact, VideoComposed) and len(fact.images) == 4 and fact.manifest is not None
    after = {key: await store.get_bytes(key) for key in await records(service)}
    # Four scenes and a crossfade, four images, the sound and the video, each once.
    assert len(after) == 11 and before.items() <= after.items()
    assert service.files_in_work() == []
    assert await service.stop() == 0
