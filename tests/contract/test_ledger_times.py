"""The outbox when clocks and replicas disagree, on SQLite and PostgreSQL."""

import asyncio

from libs.contracts.errors import Permanent
from libs.contracts.messages import Control
from libs.contracts.tasks import Task
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.outbox import Outbox
from tests.contract.test_ledger import FIRST_TRIES, Books, Clock, Wire, books
from tests.unit.ingest.story import broke

__all__ = ["books"]


async def test_a_clock_that_is_set_back_holds_up_nothing(books: Books) -> None:
    job_id = await books.accept()
    books.clock.forward(hours=-3)
    assert await books.flush() == FIRST_TRIES
    await books.tell(job_id, broke("analyze"))
    assert await books.flush() == []  # in its own time: two seconds from now
    books.clock.forward(seconds=4)
    assert await books.flush() == ["analyze/2"]


async def test_replicas_whose_clocks_differ_a_little_keep_the_waits(books: Books) -> None:
    job_id = await books.accept()
    await books.flush()
    await books.tell(job_id, broke("analyze", retry_after=60))
    books.clock.forward(seconds=-5)
    assert await books.flush() == []


async def test_an_end_never_overtakes_an_earlier_one(postgres_url: str) -> None:
    replicas = [Database(postgres_url), Database(postgres_url)]
    await replicas[0].migrate()
    books = Books(replicas[0], Clock())
    job_id = await books.accept()
    await books.tell(job_id, broke("analyze", retryable=False))
    await books.ledger.retry(job_id)
    holding, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Wire):
        """Holds the first message for a while."""

        async def publish_control(self, control: Control) -> None:
            """Later."""
            holding.set()
            await go_on.wait()
            await books.wire.publish_control(control)

    try:
        slow = Outbox(replicas[1], Slow(), refused=books.ledger.apply, clock=books.clock)
        first = asyncio.create_task(slow.publish_due("control"))
        await asyncio.wait_for(holding.wait(), 5)
        await books.ledger.cancel(job_id)
        second = asyncio.create_task(books.outbox.publish_due("control"))
        await asyncio.sleep(0.3)
        go_on.set()
        await asyncio.gather(first, second)
        await books.flush()
    finally:
        for each in replicas:
            await each.close()
    assert [control.ended_run for control in books.wire.controls][-2:] == [1, 2]


async def test_what_went_out_before_a_stop_does_not_go_out_again(books: Books) -> None:
    for _ in range(3):
        await books.accept()
    second = asyncio.Event()
    publish = books.wire.publish_task

    async def stuck(task: Task) -> None:
        if books.wire.tasks:
            second.set()
            await asyncio.Event().wait()
        await publish(task)

    books.wire.publish_task = stuck  # type: ignore[method-assign]  # the server stops answering in the middle
    publishing = asyncio.create_task(books.outbox.publish_due("task"))
    await asyncio.wait_for(second.wait(), 5)
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    assert publishing.cancelled()
    books.wire.publish_task = publish  # type: ignore[method-assign]  # and answers again
    assert await books.outbox.publish_due("task") == 5
    assert len({task.message_id for task in books.wire.tasks}) == len(books.wire.tasks) == 6


async def test_retries_replays_and_cancels_at_once_open_one_run_at_a_time(books: Books, database_url: str) -> None:
    others = [Database(database_url) for _ in range(2)]
    ledgers = [books.ledger, *(Ledger(each, clock=books.clock) for each in others)]
    try:
        job_id = await books.accept()
        await books.tell(job_id, broke("analyze", retryable=False))
        (letter,) = await books.ledger.dead_letters()
        orders = [ledger.retry(job_id) for ledger in ledgers] + [ledger.replay(letter.id) for ledger in ledgers]
        ends = [ledger.cancel(job_id) for ledger in ledgers]
        results = await asyncio.gather(*orders, *ends, return_exceptions=True)
    finally:
        for each in others:
            await each.close()
    assert all(isinstance(it, int | None | Permanent) for it in results)
    opened = sorted(it for it in results if isinstance(it, int))
    cancelled = results[len(orders) :].count(None)
    assert opened == list(range(2, 2 + len(opened)))
    assert len(opened) - cancelled in (0, 1)
    numbers = [row.number for row in await books.ledger.events(job_id, after=0)]
    assert numbers == list(range(1, len(numbers) + 1))
    names = [name for name, _ in await books.events(job_id)]
    assert names.count("error") == 1 + cancelled
