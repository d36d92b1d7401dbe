"""Messages that no honest sender sends twice: too large by a header, unreadable, never applicable, copied."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from libs.bus.connection import Bus
from libs.bus.facts import FactConsumer
from libs.bus.handler import TaskContext
from libs.bus.worker import Worker
from libs.contracts import subjects
from libs.contracts.errors import Permanent, Retryable
from libs.contracts.facts import Fact, TaskAttemptFailed, WorkFact
from libs.contracts.messages import encode
from libs.contracts.tasks import Task
from tests.integration.bus.conftest import Connect
from tests.integration.bus.orders import HEARD, facts, letters, order, waiting
from tests.waiting import until


def fact(job_id: str) -> Fact:
    """`track.analyzed` of a job."""
    return Fact(job_id=job_id, run=1, task="analyze", attempt=1, at=datetime.now(UTC), body=HEARD[0])


async def all_answered(bus: Bus) -> bool:
    """True when each fact has been acked."""
    info = await bus.js.consumer_info(subjects.FACTS, subjects.LEDGER_CONSUMER)
    return not (info.num_pending or 0) + (info.num_ack_pending or 0)


async def test_headers_count_for_the_size_of_a_message(bus: Bus) -> None:
    room = bus.client.max_payload - len(encode(order())) - 20  # fits by itself, but not with its headers
    with pytest.raises(Permanent, match="larger"):
        await bus.publish_task(msgspec.structs.replace(order(), owner="me" + "x" * room))
    assert bus.connected
    await bus.publish_task(order("j2"))  # the server hangs up on who sends too much


async def test_a_fact_that_cannot_be_read_fails_its_try_through_the_headers(bus: Bus) -> None:
    heard: list[Fact] = []

    async def handle(one: Fact) -> None:
        heard.append(one)

    headers = {
        subjects.HEADER_JOB: "j1",
        subjects.HEADER_RUN: "2",
        subjects.HEADER_TASK: "animate.s001",
        subjects.HEADER_ATTEMPT: "3",
    }
    await bus.js.publish("beatloom.fact.j1.take.rendered", b'{"body": {"type": "of.tomorrow"}}', headers=headers)
    await listen(bus, FactConsumer(bus, handle))
    (failed,) = heard
    assert (failed.job_id, failed.run, failed.task, failed.attempt) == ("j1", 2, "animate.s001", 3)
    assert isinstance(failed.body, TaskAttemptFailed)
    assert (failed.body.code, failed.body.retryable) == ("malformed_message", False)
    assert [(letter.job_id, letter.code) for letter in await letters(bus)] == [("j1", "malformed_message")]


async def test_a_fact_that_always_fails_is_given_up_and_fails_its_try(bus: Bus) -> None:
    heard: list[Fact] = []

    async def handle(one: Fact) -> None:
        if not isinstance(one.body, TaskAttemptFailed):
            raise ZeroDivisionError("a defect")
        heard.append(one)

    await bus.publish_fact(fact("j1"))
    await listen(bus, FactConsumer(bus, handle, tries=3))
    (failed,) = heard
    assert (failed.job_id, failed.task, failed.attempt) == ("j1", "analyze", 1)
    assert isinstance(failed.body, TaskAttemptFailed)
    assert (failed.body.code, failed.body.retryable) == ("unexpected", False)
    assert "ZeroDivisionError" in failed.body.detail
    assert [(letter.kind, letter.job_id) for letter in await letters(bus)] == [("fact", "j1")]


async def test_a_fact_is_never_given_up_while_the_ledger_is_away(bus: Bus) -> None:
    tries: list[str] = []

    async def handle(one: Fact) -> None:
        tries.append(one.name)
        if len(tries) < 4:
            raise Retryable("ledger_unavailable")

    await bus.publish_fact(fact("j1"))
    await listen(bus, FactConsumer(bus, handle, tries=2))
    assert tries == ["track.analyzed"] * 4
    assert await letters(bus) == []


async def listen(bus: Bus, consumer: FactConsumer) -> None:
    """Run the consumer until each fact is answered."""
    await consumer.start()
    try:
        await until(lambda: all_answered(bus))
    finally:
        await consumer.stop()


async def test_a_copy_of_a_task_in_work_is_answered_at_once(connect: Connect) -> None:
    bus = await connect(ack_wait_s=30.0)
    began: list[Task] = []

    async def handler(task: Task, context: TaskContext) -> list[WorkFact]:
        began.append(task)
        await until(lambda: left(bus, 1))
        return HEARD

    worker = Worker(bus, {"analyze": handler}, concurrency=2, grace_s=0.2)
    await bus.publish_task(order())
    await bus.js.publish(subjects.subject_of_task(order()), encode(order()))  # as by the sweeper, after the window
    await worker.start()
    try:
        await until(lambda: left(bus, 0), seconds=10)  # far sooner than ack_wait
    finally:
        await worker.stop()
    assert len(began) == len(await facts(bus)) == 1


async def left(bus: Bus, count: int) -> bool:
    """True when so many tasks are in the stream."""
    return await waiting(bus) == count
