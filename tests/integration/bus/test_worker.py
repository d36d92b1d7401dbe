"""Workers against a real server: delivery, priorities, heartbeats, cancel, stop, restarts."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

import pytest
from prometheus_client import CollectorRegistry

from libs.bus import flight
from libs.bus.connection import Bus
from libs.bus.follow import follow_progress, follow_wakes
from libs.bus.handler import Handler, TaskContext
from libs.bus.worker import Worker
from libs.contracts import subjects
from libs.contracts.errors import InputMissing, JobCancelled, Permanent, Retryable
from libs.contracts.facts import DeliveryAttempted, TaskAttemptFailed, TrackAnalyzed, WorkFact
from libs.contracts.messages import Control, Progress
from libs.contracts.tasks import Notify, Task, TaskKind
from libs.telemetry.metrics import WorkMetrics
from tests.integration.bus.conftest import ACK_WAIT_S, Connect
from tests.integration.bus.orders import HEARD, facts, letters, order, waiting
from tests.servers.nats import NatsServer
from tests.waiting import until

Employ = Callable[..., Worker]


class Hands:
    """A handler that tells what it was given and does as it is told."""

    def __init__(self) -> None:
        self.began: list[Task] = []
        self.cancelled: list[Task] = []
        self.why: list[str | None] = []
        self.at_once = 0
        self.most_at_once = 0
        self.go_on = asyncio.Event()
        self.error: BaseException | None = None

    @property
    def jobs(self) -> list[str]:
        """Ids of the jobs whose tasks began, in order."""
        return [task.job_id for task in self.began]

    async def work(self, task: Task, context: TaskContext) -> list[WorkFact]:
        """Wait until `go_on`, then return facts or raise `error`."""
        self.began.append(task)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.append(task)
            self.why.append(context.cancelled)
            raise
        finally:
            self.at_once -= 1
        if self.error is not None:
            raise self.error
        return HEARD


@pytest.fixture
def hands() -> Hands:
    """Hands that finish at once; `go_on.clear()` makes them wait."""
    made = Hands()
    made.go_on.set()
    return made


@pytest.fixture
async def employ() -> AsyncIterator[Employ]:
    """Makes workers, which are stopped with the test."""
    made: list[Worker] = []

    def one(bus: Bus, handlers: Mapping[TaskKind, Handler] | Handler, **options: object) -> Worker:
        table: Mapping[TaskKind, Handler] = handlers if isinstance(handlers, Mapping) else {"analyze": handlers}
        worker = Worker(bus, table, **{"grace_s": 0.2, **options})  # type: ignore[arg-type]
        made.append(worker)
        return worker

    yield one
    for worker in made:
        await worker.stop()


def ended(job_id: str, run: int = 1, state: Literal["cancelled", "superseded"] = "cancelled") -> Control:
    """The announcement that a run has ended."""
    return Control(job_id=job_id, ended_run=run, state=state, at=datetime.now(UTC))


async def none_left(bus: Bus) -> bool:
    """True when no task waits or is in work."""
    return await waiting(bus) == 0


async def test_a_task_becomes_a_fact_and_is_gone(bus: Bus, employ: Employ) -> None:
    async def handler(task: Task, context: TaskContext) -> list[WorkFact]:
        context.spend(1.5)
        context.mark_reused()
        return HEARD

    registry = CollectorRegistry()
    worker = employ(bus, handler, metrics=WorkMetrics(registry))
    with pytest.raises(Retryable):
        await worker.check()
    await worker.start()
    await worker.check()
    await bus.publish_task(order(attempt=2))
    await until(lambda: none_left(bus))
    (fact,) = await facts(bus)
    assert (fact.job_id, fact.run, fact.task, fact.attempt) == ("j1", 1, "analyze", 2)
    assert isinstance(fact.body, TrackAnalyzed)
    assert (fact.usage.cpu_seconds, fact.usage.reused) == (1.5, True)
    assert registry.get_sample_value("beatloom_tasks_total", {"kind": "analyze", "outcome": "reused"}) == 1
    assert registry.get_sample_value("beatloom_tasks_in_work", {"kind": "analyze"}) == 0


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (Permanent("not_media"), "not_media", False),
        (Retryable("no_space", after=9), "no_space", True),
        (InputMissing("b" * 64), "input_missing", True),
        (ZeroDivisionError("secret"), "unexpected", True),
        (asyncio.CancelledError(), "unexpected", True),
    ],
    ids=["permanent", "retryable", "input_missing", "foreign", "cancelled_from_within"],
)
async def test_an_error_becomes_a_fact_and_is_not_delivered_again(
    bus: Bus, employ: Employ, hands: Hands, error: BaseException, code: str, retryable: bool
) -> None:
    hands.error = error
    await employ(bus, hands.work).start()
    await bus.publish_task(order())
    await until(lambda: none_left(bus))
    (fact,) = await facts(bus)
    assert isinstance(fact.body, TaskAttemptFailed)
    assert (fact.body.code, fact.body.retryable) == (code, retryable)
    assert "secret" not in fact.body.message
    assert len(hands.began) == 1


async def test_a_handler_that_finds_its_job_cancelled_leaves_no_fact(
    bus: Bus, employ: Employ, hands: Hands
) -> None:
    hands.error = JobCancelled()
    await employ(bus, hands.work).start()
    await bus.publish_task(order())
    await until(lambda: none_left(bus))
    assert await facts(bus) == []


async def test_a_killed_worker_loses_nothing(server: NatsServer, bus: Bus, employ: Employ, hands: Hands) -> None:
    await bus.publish_task(order())
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.bus.victim", server.url, server.token, str(ACK_WAIT_S),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert victim.stdout is not None
    assert await asyncio.wait_for(victim.stdout.readline(), 20) == b"began\n"
    registry = CollectorRegistry()
    await employ(bus, hands.work, metrics=WorkMetrics(registry)).start()
    await asyncio.sleep(2 * ACK_WAIT_S)
    assert hands.began == []  # its heartbeats keep the task
    victim.kill()
    await victim.wait()
    await until(lambda: none_left(bus))
    assert len(hands.began) == len(await facts(bus)) == 1
    assert registry.get_sample_value("beatloom_tasks_redelivered_total", {"kind": "analyze"}) == 1


async def test_heartbeats_keep_a_long_task(bus: Bus, connect: Connect, employ: Employ, hands: Hands) -> None:
    hands.go_on.clear()
    await employ(bus, hands.work).start()
    await employ(await connect(), hands.work).start()
    await bus.publish_task(order())
    await asyncio.sleep(4 * ACK_WAIT_S)
    assert len(hands.began) == 1
    hands.go_on.set()
    await until(lambda: none_left(bus))
    assert len(await facts(bus)) == 1


async def test_work_without_a_sign_of_life_goes_to_another_worker(
    bus: Bus, connect: Connect, employ: Employ, hands: Hands
) -> None:
    stuck = asyncio.Event()

    async def handler(task: Task, context: TaskContext) -> list[WorkFact]:
        context.alive = lambda: False
        stuck.set()
        await asyncio.get_running_loop().create_future()
        return []

    await employ(bus, handler).start()
    await bus.publish_task(order())
    await stuck.wait()
    await employ(await connect(), hands.work).start()
    await until(lambda: none_left(bus))
    assert len(hands.began) == len(await facts(bus)) == 1


async def deliveries(bus: Bus) -> int:
    """How often the one task was delivered."""
    info = await bus.js.consumer_info(subjects.TASKS, "analyze-low")
    assert info.delivered is not None
    return int(info.delivered.consumer_seq)


async def test_a_silence_costs_one_delivery_however_long_it_is(bus: Bus, employ: Employ, hands: Hands) -> None:
    async def handler(task: Task, context: TaskContext) -> list[WorkFact]:
        context.alive = lambda: False
        return await hands.work(task, context)

    hands.go_on.clear()
    await employ(bus, handler, concurrency=2).start()
    await bus.publish_task(order())
    await asyncio.sleep(7 * ACK_WAIT_S)
    assert await deliveries(bus) == 2
    hands.go_on.set()
    await until(lambda: none_left(bus))
    assert len(hands.began) == len(await facts(bus)) == 1


async def test_silences_leave_the_rest_of_the_deliveries_to_deaths(
    bus: Bus, employ: Employ, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight, "SILENT_DELIVERIES", 3)
    silent = True

    async def handler(task: Task, context: TaskContext) -> list[WorkFact]:
        context.alive = lambda: not silent
        return await hands.work(task, context)

    hands.go_on.clear()
    await employ(bus, handler, concurrency=2).start()
    await bus.publish_task(order())
    for _ in range(4):
        silent = True
        await asyncio.sleep(2.2 * ACK_WAIT_S)
        silent = False
        await asyncio.sleep(0.7 * ACK_WAIT_S)
    assert await deliveries(bus) == 3
    hands.go_on.set()
    await until(lambda: none_left(bus))
    assert len(hands.began) == 1


async def test_a_task_that_comes_again_while_in_work_is_one_piece_of_work(
    connect: Connect, employ: Employ, hands: Hands
) -> None:
    bus = await connect(ack_wait_s=30.0)
    hands.go_on.clear()
    await employ(bus, hands.work, concurrency=2).start()
    await connect(ack_wait_s=0.3)  # the server now expects heartbeats more often than they come
    await bus.publish_task(order())
    await until(lambda: bool(hands.began))

    async def redelivered() -> bool:
        return await deliveries(bus) > 2

    await until(redelivered)
    hands.go_on.set()
    await until(lambda: none_left(bus))
    assert len(hands.began) == len(await facts(bus)) == 1


async def test_high_goes_first_and_low_does_not_starve(bus: Bus, employ: Employ, hands: Hands) -> None:
    for number in range(3):
        await bus.publish_task(order(f"low{number}"))
    for number in range(20):
        await bus.publish_task(order(f"high{number}", priority="high"))
    await employ(bus, hands.work).start()
    await until(lambda: none_left(bus))
    assert hands.jobs[:7] == [f"high{number}" for number in range(7)]
    assert [index for index, job in enumerate(hands.jobs) if job.startswith("low")] == [7, 15, 22]


async def test_low_does_not_wait_long_when_nothing_else_is_there(bus: Bus, employ: Employ, hands: Hands) -> None:
    await employ(bus, hands.work).start()
    await asyncio.sleep(0.15)
    before = time.monotonic()
    await bus.publish_task(order())
    await until(lambda: bool(hands.began))
    assert time.monotonic() - before < 0.6  # a wait on `high` alone would take a second


async def test_what_arrives_on_both_at_once_is_neither_lost_nor_held(
    connect: Connect, employ: Employ, hands: Hands
) -> None:
    bus = await connect(ack_wait_s=30.0)
    await employ(bus, hands.work).start()
    for number in range(25):
        await asyncio.gather(
            bus.publish_task(order(f"high{number}", priority="high")), bus.publish_task(order(f"low{number}"))
        )
        await until(lambda: none_left(bus), seconds=5)  # a lost one would come after ack_wait only
    assert len(hands.began) == 50


async def test_no_more_at_a_time_than_allowed(bus: Bus, connect: Connect, employ: Employ, hands: Hands) -> None:
    hands.go_on.clear()
    await employ(bus, hands.work, concurrency=2).start()
    for number in range(5):
        await bus.publish_task(order(f"j{number}"))
    await until(lambda: len(hands.began) == 2)
    await asyncio.sleep(0.3)
    assert len(hands.began) == 2
    hands.go_on.set()
    await until(lambda: none_left(bus))
    assert (len(hands.began), hands.most_at_once) == (5, 2)


async def test_cancel_reaches_the_task_in_work(bus: Bus, employ: Employ, hands: Hands) -> None:
    hands.go_on.clear()
    await employ(bus, hands.work, concurrency=4).start()
    await bus.publish_task(order("j1"))
    await bus.publish_task(order("j1", run=2))
    await bus.publish_task(order("j2"))
    await until(lambda: len(hands.began) == 3)
    await bus.publish_control(ended("j1"))
    await until(lambda: len(hands.cancelled) == 1, seconds=2)
    assert (hands.cancelled[0].job_id, hands.cancelled[0].run, hands.why) == ("j1", 1, ["ended"])
    hands.go_on.set()
    await until(lambda: none_left(bus))
    assert sorted((fact.job_id, fact.run) for fact in await facts(bus)) == [("j1", 2), ("j2", 1)]


async def test_queued_tasks_of_ended_runs_never_begin(bus: Bus, employ: Employ, hands: Hands) -> None:
    for number in range(300):  # more than one batch of the follower
        await bus.publish_control(ended(f"old{number}"))
    await bus.publish_task(order("old0"))
    await bus.publish_task(order("old299"))
    await bus.publish_task(order("new"))
    called_off: list[str] = []

    async def abandon(task: Task) -> None:
        called_off.append(task.job_id)
        raise ValueError("it can't be reached")

    await employ(bus, hands.work, abandon=abandon).start()
    await until(lambda: none_left(bus))
    assert (hands.jobs, called_off) == (["new"], ["old0", "old299"])
    assert [fact.job_id for fact in await facts(bus)] == ["new"]


async def test_notifications_go_on_after_their_run(bus: Bus, employ: Employ) -> None:
    async def handler(task: Task, context: TaskContext) -> list[WorkFact]:
        return [DeliveryAttempted(webhook_id="w", status=204)]

    body = Notify(
        webhook_id="w", url="http://h/", event="job_cancelled", timestamp=datetime.now(UTC), status="cancelled"
    )
    await bus.publish_control(ended("j1"))
    await employ(bus, {"notify": handler}).start()
    await bus.publish_task(Task(job_id="j1", run=1, task="notify", attempt=1, owner="me", body=body))
    await until(lambda: none_left(bus))
    assert [fact.name for fact in await facts(bus)] == ["delivery.attempted"]


@pytest.mark.parametrize("body", [b"{", b"{}", b"\xff\x00"])
async def test_a_body_that_cannot_be_read_fails_its_job_through_the_headers(
    bus: Bus, employ: Employ, hands: Hands, body: bytes
) -> None:
    await employ(bus, hands.work).start()
    task = order()
    headers = {
        "Nats-Msg-Id": task.message_id,
        subjects.HEADER_JOB: "j1",
        subjects.HEADER_RUN: "1",
        subjects.HEADER_TASK: "analyze",
        subjects.HEADER_ATTEMPT: "3",
    }
    await bus.js.publish(subjects.subject_of_task(task), body, headers=headers)
    await until(lambda: none_left(bus))
    (fact,) = await facts(bus)
    assert isinstance(fact.body, TaskAttemptFailed)
    assert (fact.attempt, fact.body.code, fact.body.retryable) == (3, "malformed_message", False)
    (letter,) = await letters(bus)
    assert (letter.id, letter.kind, letter.job_id, letter.code) == (
        task.message_id, "analyze", "j1", "malformed_message",
    )  # fmt: skip
    assert hands.began == []


async def test_rubbish_without_headers_is_a_dead_letter_of_nobody(bus: Bus, employ: Employ, hands: Hands) -> None:
    await employ(bus, hands.work).start()
    await bus.js.publish(subjects.task_subject("analyze", "high"), b"rubbish")
    await bus.publish_task(order())
    await until(lambda: none_left(bus))
    assert [(letter.id, letter.job_id) for letter in await letters(bus)] == [("BEATLOOM_TASKS:1", "")]
    assert len(await facts(bus)) == 1


async def test_stop_lets_work_finish_within_the_grace(bus: Bus, employ: Employ, hands: Hands) -> None:
    hands.go_on.clear()
    worker = employ(bus, hands.work, grace_s=5)
    await worker.start()
    await bus.publish_task(order())
    await until(lambda: bool(hands.began))
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0.2)
    await bus.publish_task(order("j2"))
    hands.go_on.set()
    await asyncio.wait_for(stopping, 2)
    assert hands.jobs == ["j1"]
    assert [fact.job_id for fact in await facts(bus)] == ["j1"]
    with pytest.raises(Retryable):
        await worker.check()


async def test_stop_gives_back_what_does_not_finish(connect: Connect, employ: Employ, hands: Hands) -> None:
    bus = await connect(ack_wait_s=30.0)
    hands.go_on.clear()
    worker = employ(bus, hands.work, grace_s=0.1)
    await worker.start()
    await bus.publish_task(order())
    await until(lambda: bool(hands.began))
    before = time.monotonic()
    await worker.stop()
    assert hands.why == ["stopped"]
    assert time.monotonic() - before < 1.5
    assert len(hands.cancelled) == 1
    hands.go_on.set()
    await employ(await connect(ack_wait_s=30.0), hands.work).start()
    await until(lambda: none_left(bus), seconds=3)  # far sooner than ack_wait
    assert len(hands.began) == 2
    assert len(await facts(bus)) == 1


async def test_an_idle_worker_stops_at_once(bus: Bus, employ: Employ, hands: Hands) -> None:
    worker = employ(bus, hands.work)
    await worker.start()
    await asyncio.sleep(0.2)
    before = time.monotonic()
    await worker.stop()
    assert time.monotonic() - before < 0.5


@pytest.mark.parametrize("how", ["killed", "terminated", "killed_and_emptied"])
async def test_a_restart_of_the_server_in_mid_work(
    server: NatsServer, bus: Bus, employ: Employ, hands: Hands, how: str
) -> None:
    hands.go_on.clear()
    worker = employ(bus, hands.work, concurrency=2)
    await worker.start()
    await bus.publish_task(order("j1"))
    await until(lambda: bool(hands.began))
    told = asyncio.Event()
    bus.on_reconnect(told.set)
    if how == "terminated":
        await asyncio.to_thread(server.stop)
    else:
        server.kill()
    hands.go_on.set()  # the work ends while nobody takes its fact
    await asyncio.sleep(0.3)
    if how == "killed_and_emptied":
        server.lose_store()
    server.start()
    await asyncio.wait_for(told.wait(), 10)

    async def told_of_j1() -> bool:
        return {fact.job_id for fact in await facts(bus)} == {"j1"}

    await until(told_of_j1)
    await until(lambda: none_left(bus))
    await worker.check()
    hands.go_on.clear()
    await bus.publish_task(order("j2"))
    await until(lambda: "j2" in hands.jobs)
    await bus.publish_control(ended("j2"))  # the control stream is followed again, too
    await until(lambda: len(hands.cancelled) == 1)
    await until(lambda: none_left(bus))


async def test_a_fact_that_is_not_taken_holds_back_the_ack(bus: Bus, employ: Employ, hands: Hands) -> None:
    await bus.js.update_stream(name=subjects.FACTS, subjects=[subjects.FACT_SUBJECTS], discard="new", max_bytes=1)
    await employ(bus, hands.work).start()
    await bus.publish_task(order())
    await until(lambda: bool(hands.began))
    await asyncio.sleep(2 * ACK_WAIT_S)
    assert await waiting(bus) == 1
    await bus.ensure_topology()
    await until(lambda: none_left(bus))
    assert len(hands.began) == len(await facts(bus)) == 1


async def test_a_stream_that_vanishes_is_made_again(bus: Bus, employ: Employ, hands: Hands) -> None:
    await bus.js.delete_stream(subjects.FACTS)
    await employ(bus, hands.work).start()
    await bus.publish_task(order())
    await until(lambda: none_left(bus))
    assert len(hands.began) == len(await facts(bus)) == 1


async def test_a_stop_while_the_server_is_away_is_bounded(
    server: NatsServer, bus: Bus, employ: Employ, hands: Hands
) -> None:
    worker = employ(bus, hands.work, grace_s=0.5)
    await worker.start()
    hands.go_on.clear()
    await bus.publish_task(order())
    await until(lambda: bool(hands.began))
    server.kill()
    hands.go_on.set()
    before = time.monotonic()
    await worker.stop()
    assert time.monotonic() - before < 2.5


async def test_a_handler_that_does_not_heed_a_cancel_is_left_behind(
    bus: Bus, employ: Employ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight, "CLEAN_UP_S", 0.1)
    began, let_go = asyncio.Event(), asyncio.Event()

    async def stubborn(task: Task, context: TaskContext) -> list[WorkFact]:
        began.set()
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()
        raise ValueError("at last")

    await employ(bus, stubborn).start()
    await bus.publish_task(order())
    await began.wait()
    await bus.publish_control(ended("j1"))
    await until(lambda: none_left(bus), seconds=2)
    let_go.set()
    assert await facts(bus) == []


async def test_a_consumer_that_vanishes_is_made_again(bus: Bus, employ: Employ, hands: Hands) -> None:
    await employ(bus, hands.work).start()
    await bus.js.delete_consumer(subjects.TASKS, "analyze-low")
    await bus.js.delete_consumer(subjects.TASKS, "analyze-high")
    await asyncio.sleep(0.2)
    await bus.publish_task(order())
    await until(lambda: none_left(bus))
    assert hands.jobs == ["j1"]


async def test_a_connection_closed_for_good_is_a_death_that_is_told(bus: Bus, employ: Employ, hands: Hands) -> None:
    deaths: list[BaseException] = []
    worker = employ(bus, hands.work, on_death=deaths.append)
    await worker.start()
    await bus.client.close()
    await until(lambda: bool(deaths))
    with pytest.raises(Retryable):
        await worker.check()
    assert len(deaths) == 1


async def test_progress_is_chatter_and_at_most_four_a_second(bus: Bus, connect: Connect, employ: Employ) -> None:
    async def handler(task: Task, context: TaskContext) -> list[WorkFact]:
        for step in range(60):
            context.progress(step / 60, f"step {step}")
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        return HEARD

    heard: list[Progress] = []
    following = await follow_progress(await connect(), heard.append)
    await employ(bus, handler).start()
    await bus.publish_task(order())
    await until(lambda: none_left(bus))
    await until(lambda: bool(heard) and heard[-1].message == "step 59")
    assert 3 <= len(heard) <= 5
    assert heard[0].fraction == 0.0
    await following.stop()


async def test_wakes_name_their_job_also_after_a_restart(server: NatsServer, bus: Bus, connect: Connect) -> None:
    woken: list[str] = []
    other = await connect()
    await follow_wakes(other, woken.append)
    await bus.wake("j1")
    await until(lambda: woken == ["j1"])
    told = [asyncio.Event(), asyncio.Event()]
    bus.on_reconnect(told[0].set)
    other.on_reconnect(told[1].set)
    server.restart()
    for event in told:
        await asyncio.wait_for(event.wait(), 10)
    await bus.wake("j2")
    await until(lambda: woken == ["j1", "j2"])
