"""A worker: takes tasks of its kinds, gives them to handlers, publishes the facts, then acks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from nats.aio.msg import Msg

from libs.bus import headers as head
from libs.bus.connection import TRANSIENT, Bus, backoff
from libs.bus.control import ControlFollower
from libs.bus.flight import CLEAN_UP_S, Flight, heartbeats
from libs.bus.handler import Abandon, Handler, TaskContext
from libs.bus.lanes import Lane
from libs.bus.loops import Loops, OnDeath
from libs.bus.pull import Puller
from libs.bus.settle import (
    GIVE_BACK_S,
    Delivery,
    Done,
    Ended,
    Failed,
    GivenBack,
    Outcome,
    Settlement,
    Unreadable,
    failure_of,
    settle,
)
from libs.contracts import subjects
from libs.contracts.errors import Malformed, Permanent, Retryable, code_of
from libs.contracts.facts import Fact, Usage
from libs.contracts.messages import Progress, decode
from libs.contracts.tasks import RUN_INDEPENDENT, Task, TaskKind
from libs.telemetry import names
from libs.telemetry.metrics import WorkMetrics
from libs.telemetry.tracing import extract, span

log = logging.getLogger(__name__)


class Worker:
    """Takes tasks until it is stopped: one fetch loop for each kind, one task a fetch."""

    def __init__(
        self,
        bus: Bus,
        handlers: Mapping[TaskKind, Handler],
        *,
        concurrency: int = 1,
        ack_wait_s: float | None = None,
        grace_s: float = 20.0,
        metrics: WorkMetrics | None = None,
        on_death: OnDeath | None = None,
        abandon: Abandon | None = None,
    ) -> None:
        """handlers: one for each kind that is taken. concurrency: tasks of one kind at a time.

        ack_wait_s: as the consumers have it; default: the bus's. grace_s: how long work in flight may go on at
        a stop. on_death: called once when a loop dies, which should end the process. abandon: called instead of the
        handler when the task's run has ended already.
        """
        self._bus = bus
        self._handlers = handlers
        self._concurrency = concurrency
        self._ack_wait_s = min(ack_wait_s or bus.ack_wait_s, bus.ack_wait_s)
        self._grace_s = grace_s
        self._metrics = metrics
        self._abandon = abandon
        self._loops = Loops(bus, on_death)
        self._control = ControlFollower(bus, self._loops, self._on_end)
        self._lanes: list[Lane] = []
        self._flights: dict[str, Flight] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._chatter: set[asyncio.Task[None]] = set()
        self._out_of_time = asyncio.Event()

    # Life.

    async def start(self) -> None:
        """Follow the control stream; when all ended runs are known, begin to fetch."""
        self._control.start()
        await self._control.caught_up()
        for kind in self._handlers:
            high, low = (
                Puller(self._bus, subjects.TASKS, subjects.task_consumer(kind, priority))
                for priority in ("high", "low")
            )
            lane = Lane(kind, high, low, self._concurrency)
            self._lanes.append(lane)
            self._loops.repeat(f"fetch {kind}", self._fetch_into(lane))

    async def check(self) -> None:
        """Raises Retryable when a loop has died, or the worker is not started."""
        self._loops.check()

    async def stop(self) -> None:
        """Stop fetching, finish within the grace what is in flight, give the rest back. The bus stays open."""
        self._loops.stopping.set()
        for lane in self._lanes:
            lane.room.release()  # wakes a loop that waits for room
        for puller in [puller for lane in self._lanes for puller in (lane.high, lane.low)]:
            for message in await puller.close():
                await self._give_back(message)
        if self._working:
            await asyncio.wait(self._working, timeout=self._grace_s)
        self._out_of_time.set()
        for flight in self._flights.values():
            flight.end_early("stopped")
        if self._working:
            await asyncio.wait(self._working, timeout=CLEAN_UP_S + 1.0)
        await self._control.close()
        await self._loops.join(timeout_s=2.0)

    # Fetching.

    def _fetch_into(self, lane: Lane) -> Callable[[], Awaitable[None]]:
        async def step() -> None:
            await lane.room.acquire()
            taken = False
            try:
                message = None if self._loops.stopping.is_set() else await lane.fetch()
                if message is not None:
                    if self._loops.stopping.is_set():
                        await self._give_back(message)
                        return
                    work = asyncio.create_task(self._work(lane.kind, message), name=f"work {lane.kind}")
                    self._working.add(work)
                    work.add_done_callback(self._working.discard)
                    work.add_done_callback(lambda _: lane.room.release())
                    taken = True
            finally:
                if not taken:
                    lane.room.release()

        return step

    async def _give_back(self, message: Msg) -> None:
        await self._tell(message, Settlement(verdict="nak", delay_s=GIVE_BACK_S))

    # Working.

    async def _work(self, kind: TaskKind, message: Msg) -> None:
        delivery = Delivery(
            message_id=(message.headers or {}).get(head.MESSAGE_ID)
            or f"{subjects.TASKS}:{message.metadata.sequence.stream}",
            kind=kind,
            origin=head.read(message.headers),
        )
        try:
            task = decode(message.data, Task)
            if task.kind != kind:
                raise Malformed(f"a task {task.kind} among those of {kind}")
        except Malformed as error:
            log.error("a task can't be read: %s", error, extra=_fields(delivery))
            await self._answer_unread(message, delivery, error)
            return
        delivery = Delivery(
            message_id=task.message_id,
            kind=kind,
            origin=head.Origin(job_id=task.job_id, run=task.run, task=task.task, attempt=task.attempt),
            reserved=getattr(task.body, "ceiling", None) is not None,
        )
        standing = self._flights.get(task.message_id)
        if standing is not None:
            if standing.message.metadata.sequence.stream == message.metadata.sequence.stream:
                standing.message = message
            else:  # a copy by the sweeper; the first one stays in the stream until it is answered
                await self._tell(message, Settlement(verdict="ack"))
            return
        flight = Flight(message, task, TaskContext(task, self._emit))
        self._flights[task.message_id] = flight
        try:
            await self._fly(flight, delivery)
        except Exception:
            log.exception("a task was left to redelivery", extra=_fields(delivery))
        finally:
            del self._flights[task.message_id]

    async def _fly(self, flight: Flight, delivery: Delivery) -> None:
        task = flight.task
        if task.kind not in RUN_INDEPENDENT and self._control.ended(task.job_id, task.run):
            flight.end_early("ended")
            await self._call_off(task)
        if self._metrics is not None:
            self._metrics.started(task.kind, redelivered=flight.message.metadata.num_delivered > 1)
        log.info("begins", extra=_fields(delivery))
        outcome: Outcome = GivenBack()
        try:
            with span(
                f"{names.SPAN_TASK} {task.kind}",
                parent=extract(flight.message.headers),
                attributes={
                    names.JOB_ID: task.job_id,
                    names.RUN: task.run,
                    names.TASK: task.task,
                    names.ATTEMPT: task.attempt,
                    names.KIND: task.kind,
                },
            ) as current:
                async with heartbeats(self._ack_wait_s / 3, flight):
                    outcome = await flight.run(self._handlers[task.kind])
                    settlement = settle(outcome, delivery, flight.usage, datetime.now(UTC))
                    current.set_attribute(names.attribute(names.OUTCOME), _outcome_name(outcome, flight.usage))
                    settlement = await self._publish(settlement)
        finally:
            self._ended(outcome, delivery, flight.usage)
        await self._tell(flight.message, settlement)

    async def _call_off(self, task: Task) -> None:
        if self._abandon is None:
            return
        try:
            async with asyncio.timeout(CLEAN_UP_S):
                await self._abandon(task)
        except Exception as error:
            log.warning("what is left of %s could not be called off: %s", task.message_id, error)

    def _ended(self, outcome: Outcome, delivery: Delivery, usage: Usage) -> None:
        name = _outcome_name(outcome, usage)
        if self._metrics is not None:
            self._metrics.ended(delivery.kind, name, wall_seconds=usage.wall_seconds, cpu_seconds=usage.cpu_seconds)
        if isinstance(outcome, Failed):
            log.warning("ends: %s", name, extra=_fields(delivery), exc_info=outcome.error)
        else:
            log.info("ends: %s", name, extra=_fields(delivery))

    async def _answer_unread(self, message: Msg, delivery: Delivery, error: Malformed) -> None:
        settlement = settle(Unreadable(error), delivery, Usage(), datetime.now(UTC))
        await self._tell(message, await self._publish(settlement))

    def _on_end(self, job_id: str, ended_run: int) -> None:
        for flight in tuple(self._flights.values()):
            task = flight.task
            if task.job_id == job_id and task.run <= ended_run and task.kind not in RUN_INDEPENDENT:
                flight.end_early("ended")

    # Answering.

    async def _publish(self, settlement: Settlement) -> Settlement:
        """Publish letter and facts, confirmed, however long it takes. At the end of a stop: give the work back."""
        letter = settlement.letter
        sent = letter is None or await self._surely(lambda: self._bus.publish_dead(letter))
        for fact in settlement.facts:
            sent = sent and await self._publish_fact(fact)
        return settlement if sent else Settlement(verdict="nak", delay_s=GIVE_BACK_S)

    async def _publish_fact(self, fact: Fact) -> bool:
        try:
            return await self._surely(lambda: self._bus.publish_fact(fact))
        except Permanent as error:
            failure = Fact(
                job_id=fact.job_id,
                run=fact.run,
                task=fact.task,
                attempt=fact.attempt,
                at=fact.at,
                body=failure_of(error),
                usage=fact.usage,
            )
            return await self._surely(lambda: self._bus.publish_fact(failure))

    async def _surely(self, publish: Callable[[], Awaitable[None]]) -> bool:
        """Try until it is confirmed (True), or the time of a stopping worker is over (False)."""
        failures = 0
        while True:
            try:
                await publish()
            except Retryable as error:
                failures += 1
                log.warning("not published yet: %s", error)
                if self._out_of_time.is_set():
                    return False
                await self._pause(backoff(failures))
            else:
                return True

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._out_of_time.wait()
        except TimeoutError:
            pass

    async def _tell(self, message: Msg, settlement: Settlement) -> None:
        """The last word to the stream. When it is lost, the message is delivered again, which is harmless."""
        try:
            match settlement.verdict:
                case "ack":
                    await message.ack()
                case "term":
                    await message.term()
                case "nak":
                    await message.nak(delay=settlement.delay_s)
        except TRANSIENT as error:
            log.warning("the answer to the stream was lost: %s", error)

    def _emit(self, progress: Progress) -> None:
        chat = asyncio.create_task(self._bus.publish_progress(progress))
        self._chatter.add(chat)
        chat.add_done_callback(self._chatter.discard)


def _fields(delivery: Delivery) -> dict[str, object]:
    """What a log line says of a delivery."""
    origin = delivery.origin
    if origin is None:
        return {names.KIND: delivery.kind}
    return {
        names.KIND: delivery.kind,
        names.JOB_ID: origin.job_id,
        names.RUN: origin.run,
        names.TASK: origin.task,
        names.ATTEMPT: origin.attempt,
    }


def _outcome_name(outcome: Outcome, usage: Usage) -> str:
    """The label of a metric: done, reused, cancelled, given_back, or the error's code."""
    match outcome:
        case Done():
            return "reused" if usage.reused else "done"
        case Ended():
            return "cancelled"
        case GivenBack():
            return "given_back"
        case Failed(error=error) | Unreadable(error=error):
            return code_of(error)
