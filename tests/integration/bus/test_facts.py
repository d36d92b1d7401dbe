"""The ledger's consumer: a failing handler, rubbish, restarts, two replicas."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from libs.bus.connection import Bus
from libs.bus.facts import FactConsumer
from libs.contracts import subjects
from libs.contracts.errors import Retryable
from libs.contracts.facts import Fact
from tests.integration.bus.conftest import ACK_WAIT_S, Connect
from tests.integration.bus.orders import HEARD, letters
from tests.servers.nats import NatsServer
from tests.waiting import until

Listen = Callable[[Bus, Callable[[Fact], Awaitable[None]]], Awaitable[FactConsumer]]


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Makes started consumers, which are stopped with the test."""
    made: list[FactConsumer] = []

    async def one(bus: Bus, handle: Callable[[Fact], Awaitable[None]]) -> FactConsumer:
        consumer = FactConsumer(bus, handle)
        made.append(consumer)
        await consumer.start()
        return consumer

    yield one
    for consumer in made:
        await consumer.stop()


def fact(job_id: str) -> Fact:
    """`track.analyzed` of a job."""
    return Fact(job_id=job_id, run=1, task="analyze", attempt=1, at=datetime.now(UTC), body=HEARD[0])


async def unanswered(bus: Bus) -> int:
    """Facts that are waiting or in hand."""
    info = await bus.js.consumer_info(subjects.FACTS, subjects.LEDGER_CONSUMER)
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def all_answered(bus: Bus) -> bool:
    """True when each fact has been acked."""
    return await unanswered(bus) == 0


async def test_each_fact_is_given_once_and_acked(bus: Bus, listen: Listen) -> None:
    heard: list[str] = []

    async def handle(one: Fact) -> None:
        heard.append(one.job_id)

    for number in range(40):
        await bus.publish_fact(fact(f"j{number}"))
    await bus.publish_fact(fact("j0"))  # a duplicate
    consumer = await listen(bus, handle)
    await consumer.check()
    await until(lambda: all_answered(bus))
    assert heard == [f"j{number}" for number in range(40)]


async def test_a_fact_that_fails_comes_again_and_holds_up_nobody(bus: Bus, listen: Listen) -> None:
    heard: list[str] = []
    tries: list[str] = []

    async def handle(one: Fact) -> None:
        tries.append(one.job_id)
        if one.job_id == "bad" and tries.count("bad") < 3:
            raise ConnectionError("the database is away")
        heard.append(one.job_id)

    consumer = await listen(bus, handle)
    await bus.publish_fact(fact("bad"))
    await bus.publish_fact(fact("good"))
    await until(lambda: all_answered(bus))
    assert heard == ["good", "bad"]
    await consumer.check()


async def test_a_slow_handler_keeps_its_fact(bus: Bus, connect: Connect, listen: Listen) -> None:
    heard: list[str] = []

    async def handle(one: Fact) -> None:
        heard.append(one.job_id)
        await asyncio.sleep(3 * ACK_WAIT_S)

    await listen(bus, handle)
    await listen(await connect(), handle)
    await bus.publish_fact(fact("j1"))
    await until(lambda: all_answered(bus))
    assert heard == ["j1"]


async def test_rubbish_becomes_a_dead_letter(bus: Bus, listen: Listen) -> None:
    heard: list[str] = []

    async def handle(one: Fact) -> None:
        heard.append(one.job_id)

    await listen(bus, handle)
    await bus.js.publish("beatloom.fact.j1.track.analyzed", b"{}")
    await bus.publish_fact(fact("j2"))
    await until(lambda: all_answered(bus))
    assert heard == ["j2"]
    assert [(letter.kind, letter.id) for letter in await letters(bus)] == [("fact", "BEATLOOM_FACTS:1")]


async def test_stop_finishes_the_fact_in_hand_and_gives_back_the_rest(connect: Connect, listen: Listen) -> None:
    bus = await connect(ack_wait_s=30.0)
    heard: list[str] = []
    began = asyncio.Event()

    async def handle(one: Fact) -> None:
        began.set()
        await asyncio.sleep(0.2)
        heard.append(one.job_id)

    for number in range(5):
        await bus.publish_fact(fact(f"j{number}"))
    consumer = await listen(bus, handle)
    await began.wait()
    await consumer.stop()
    assert heard == ["j0"]
    with pytest.raises(Retryable):
        await consumer.check()
    before = time.monotonic()
    await listen(await connect(ack_wait_s=30.0), handle)
    await until(lambda: all_answered(bus))
    assert time.monotonic() - before < 3  # far sooner than ack_wait
    assert sorted(heard) == [f"j{number}" for number in range(5)]


@pytest.mark.parametrize("empty", [False, True], ids=["same_store", "empty_store"])
async def test_facts_go_on_after_a_restart(server: NatsServer, bus: Bus, listen: Listen, empty: bool) -> None:
    heard: list[str] = []

    async def handle(one: Fact) -> None:
        heard.append(one.job_id)

    consumer = await listen(bus, handle)
    await bus.publish_fact(fact("j1"))
    await until(lambda: heard == ["j1"])
    told = asyncio.Event()
    bus.on_reconnect(told.set)
    await asyncio.to_thread(server.restart, empty=empty)
    await asyncio.wait_for(told.wait(), 10)
    await bus.publish_fact(fact("j2"))
    await until(lambda: "j2" in heard)
    await consumer.check()
