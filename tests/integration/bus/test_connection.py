"""Connecting, the topology, publishing."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from nats.js.api import RetentionPolicy

from libs.bus.connection import Bus
from libs.bus.topology import Topology, consumers, streams
from libs.contracts import subjects
from libs.contracts.errors import Permanent, Retryable
from tests.integration.bus.conftest import ACK_WAIT_S, Connect
from tests.integration.bus.orders import facts, order, waiting
from tests.servers.nats import MakeNats, NatsServer
from tests.waiting import until


async def test_the_topology_is_made_once_and_changed_where_it_differs(bus: Bus, connect: Connect) -> None:
    await bus.ensure_topology()
    made = {info.config.name: info.config for info in await bus.js.streams_info()}
    assert set(made) == {config.name for config in streams(Topology())}
    tasks = made[subjects.TASKS]
    assert tasks.retention == RetentionPolicy.WORK_QUEUE
    assert (tasks.duplicate_window, tasks.discard, tasks.max_msgs) == (120.0, "new", 100_000)
    assert made[subjects.FACTS].max_age == made[subjects.CONTROL].max_age == 7 * 86400
    assert made[subjects.DEAD].max_age == 30 * 86400
    assert made[subjects.CONTROL].max_msgs_per_subject == 1
    consumer = (await bus.js.consumer_info(subjects.TASKS, "compose-high")).config
    assert (consumer.max_deliver, consumer.ack_wait, consumer.backoff) == (20, ACK_WAIT_S, None)

    other = await connect(ack_wait_s=7.0, max_tasks=50)
    assert (await other.js.stream_info(subjects.TASKS)).config.max_msgs == 50
    for stream, config in consumers(other.topology):
        assert (await other.js.consumer_info(stream, config.name or "")).config.ack_wait == 7.0


async def test_the_bucket_of_workers_is_a_key_value_store(bus: Bus) -> None:
    bucket = await bus.js.key_value(subjects.WORK_BUCKET)
    await bucket.put("lease", b"1")
    await bucket.put("lease", b"2")
    assert (await bucket.get("lease")).value == b"2"


async def test_a_second_publication_of_an_attempt_is_swallowed(bus: Bus) -> None:
    await bus.publish_task(order())
    await bus.publish_task(order())
    assert await waiting(bus) == 1
    await bus.publish_task(order(attempt=2))
    assert await waiting(bus) == 2


async def test_a_full_stream_refuses_and_goes_on_when_there_is_room(connect: Connect) -> None:
    bus = await connect(max_tasks=1)
    await bus.publish_task(order("j1"))
    with pytest.raises(Retryable) as refused:
        await bus.publish_task(order("j2"))
    assert refused.value.code == "bus_unavailable"
    await bus.js.purge_stream(subjects.TASKS)
    await bus.publish_task(order("j2"))


async def test_a_full_disk_refuses_and_loses_nothing(nats_server: MakeNats) -> None:
    server = nats_server(max_file_store="1MB")
    bus = await Bus.connect(server.url, server.token, name="test")
    await bus.ensure_topology()
    taken = 0
    with pytest.raises(Retryable, match="not taken"):
        while taken < 100:
            await bus.publish_task(msgspec.structs.replace(order(f"j{taken}"), owner="x" * 50_000))
            taken += 1
    assert 5 < taken < 30
    assert await waiting(bus) == taken
    await bus.check()
    await bus.js.purge_stream(subjects.TASKS)
    await bus.publish_task(order())
    await bus.close()


async def test_a_message_that_is_too_large_is_refused_for_good(bus: Bus) -> None:
    with pytest.raises(Permanent, match="larger"):
        await bus.publish_task(msgspec.structs.replace(order(), owner="x" * 2**21))


async def test_a_wrong_token_is_told_at_once(server: NatsServer) -> None:
    before = time.monotonic()
    with pytest.raises(Retryable, match="token"):
        await Bus.connect(server.url, "wrong", name="test")
    assert time.monotonic() - before < 2


async def test_a_server_that_is_not_there_is_waited_for(server: NatsServer) -> None:
    server.kill()
    with pytest.raises(Retryable, match="does not answer"):
        await Bus.connect(server.url, server.token, name="test", timeout_s=0.2)
    connecting = asyncio.create_task(Bus.connect(server.url, server.token, name="test"))
    await asyncio.sleep(0.2)
    server.start()
    began = time.monotonic()
    bus = await connecting
    assert time.monotonic() - began < 1.0
    await bus.close()


async def test_readiness_and_publishing_follow_the_server(server: NatsServer, bus: Bus) -> None:
    await bus.check()
    server.kill()
    await until(lambda: not bus.connected)
    with pytest.raises(Retryable):
        await bus.check()
    with pytest.raises(Retryable):
        await bus.publish_task(order())
    await bus.wake("j1")  # chatter never raises
    server.start()
    await until(lambda: bus.connected)
    await bus.check()
    await bus.publish_task(order())
    assert await waiting(bus) == 1


async def test_after_an_empty_store_the_topology_is_made_again(server: NatsServer, bus: Bus) -> None:
    told = asyncio.Event()
    bus.on_reconnect(told.set)
    server.restart(empty=True)
    async with asyncio.timeout(10):
        await told.wait()
    await bus.publish_task(order())
    assert await waiting(bus) == 1
    assert await facts(bus) == []


async def test_closing_does_not_wait_for_a_server_that_is_away(server: NatsServer, bus: Bus) -> None:
    server.kill()
    await until(lambda: not bus.connected)
    before = time.monotonic()
    await bus.close()
    assert time.monotonic() - before < 1.5
