"""A task on which workers die again and again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from libs.bus import topology
from libs.bus.advisories import AdvisoryConsumer
from libs.bus.connection import Bus
from libs.bus.pull import Puller
from libs.contracts import subjects
from libs.contracts.facts import TaskAttemptFailed
from tests.integration.bus.orders import facts, letters, order, waiting
from tests.waiting import until

DELIVERIES = 3


@pytest.fixture
async def impatient(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Bus:
    """A bus whose tasks are delivered three times at most, a tenth of a second apart."""
    monkeypatch.setattr(topology, "MAX_DELIVER", DELIVERIES)
    monkeypatch.setattr(bus, "topology", topology.Topology(ack_wait_s=0.1))
    await bus.ensure_topology()
    return bus


@pytest.fixture
async def advised(impatient: Bus) -> AsyncIterator[AdvisoryConsumer]:
    """The handler of advisories, at work."""
    consumer = AdvisoryConsumer(impatient)
    await consumer.start()
    yield consumer
    await consumer.stop()


async def die_on_it(bus: Bus) -> int:
    """Take tasks and never answer, as dying workers do, until no more come; how often one came."""
    puller = Puller(bus, subjects.TASKS, "analyze-low")
    deliveries = 0
    while await puller.pull(wait_s=0.5):
        deliveries += 1
    await puller.close()
    return deliveries


async def gone(bus: Bus) -> bool:
    """True when the work queue is empty."""
    return await waiting(bus) == 0


async def test_it_is_given_up_told_and_removed(impatient: Bus, advised: AdvisoryConsumer) -> None:
    await impatient.publish_task(order(attempt=2))
    assert await die_on_it(impatient) == DELIVERIES
    await until(lambda: gone(impatient))
    (letter,) = await letters(impatient)
    assert (letter.id, letter.kind, letter.attempt, letter.code) == ("j1/1/analyze/2", "analyze", 2, "worker_lost")
    (fact,) = await facts(impatient)
    assert isinstance(fact.body, TaskAttemptFailed)
    assert (fact.job_id, fact.attempt, fact.body.code, fact.body.retryable) == ("j1", 2, "worker_lost", False)
    await advised.check()


async def test_headers_tell_whose_it_was_when_the_body_cannot(impatient: Bus, advised: AdvisoryConsumer) -> None:
    headers = {
        subjects.HEADER_JOB: "j1",
        subjects.HEADER_RUN: "4",
        subjects.HEADER_TASK: "analyze",
        subjects.HEADER_ATTEMPT: "1",
    }
    await impatient.js.publish(subjects.task_subject("analyze", "low"), b"rubbish", headers=headers)
    await die_on_it(impatient)
    await until(lambda: gone(impatient))
    assert [(fact.job_id, fact.run) for fact in await facts(impatient)] == [("j1", 4)]


async def test_an_advisory_of_a_task_that_is_gone_changes_nothing(
    impatient: Bus, advised: AdvisoryConsumer
) -> None:
    advisory = f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{subjects.TASKS}.analyze-low"
    for body in (b'{"stream_seq": 77}', b"rubbish"):
        await impatient.client.publish(advisory, body)

    async def answered() -> bool:
        info = await impatient.js.consumer_info(subjects.ADVISORIES, subjects.ADVISORY_CONSUMER)
        return (info.ack_floor.stream_seq if info.ack_floor else 0) == 2

    await until(answered)
    assert await letters(impatient) == []
    await advised.check()


async def test_advisories_wait_for_their_handler(impatient: Bus) -> None:
    await impatient.publish_task(order())
    await die_on_it(impatient)
    await until(lambda: waiting_advisories(impatient))
    consumer = AdvisoryConsumer(impatient)
    await consumer.start()
    await until(lambda: gone(impatient))
    await consumer.stop()
    assert len(await letters(impatient)) == 1


async def waiting_advisories(bus: Bus) -> bool:
    """True when the server has said that it gives up."""
    return await waiting(bus, subjects.ADVISORIES) > 0
