"""The outbox loop over a real nats-server: at once, in spite of a full stream, and after an outage."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from libs.bus.connection import Bus
from libs.contracts import subjects
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.outbox import Outbox
from tests.servers.nats import MakeNats, NatsServer
from tests.unit.ingest.story import new_job
from tests.waiting import until

FIRST = 2
"""Tasks with which a job begins: analyze and mix."""


class Post(NamedTuple):
    """A ledger whose outbox runs."""

    ledger: Ledger
    outbox: Outbox
    bus: Bus
    server: NatsServer

    async def messages(self, stream: str) -> int:
        """How many messages a stream holds."""
        return (await self.bus.js.stream_info(stream)).state.messages

    async def holds(self, stream: str, count: int) -> None:
        """Wait until a stream holds so many."""

        async def there() -> bool:
            return await self.messages(stream) == count

        await until(there)


@pytest.fixture
async def post(tmp_path: Path, nats_server: MakeNats) -> AsyncIterator[Post]:
    """A task stream that holds what two jobs begin with, and an outbox that never looks by itself meanwhile."""
    server = nats_server()
    bus = await Bus.connect(server.url, server.token, name="test", max_tasks=2 * FIRST)
    await bus.ensure_topology()
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/ledger.db")
    await database.migrate()
    outbox: Outbox

    async def committed(_: str) -> None:
        outbox.wake()

    ledger = Ledger(database, on_commit=committed)
    outbox = Outbox(database, bus, refused=ledger.apply, poll_s=60)
    loop = asyncio.create_task(outbox.run())
    try:
        yield Post(ledger, outbox, bus, server)
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        await bus.close()
        await database.close()


async def test_a_commit_wakes_it(post: Post) -> None:
    job_id = (await post.ledger.accept(new_job())).job_id
    await post.holds(subjects.TASKS, FIRST)
    messages = [await post.bus.js.get_msg(subjects.TASKS, seq=1 + number) for number in range(FIRST)]
    told = {message.headers["Nats-Msg-Id"] for message in messages if message.headers}
    assert told == {f"{job_id}/1/analyze/1", f"{job_id}/1/mix/1"}


async def test_a_full_stream_makes_tasks_wait_and_lets_a_cancel_through(post: Post) -> None:
    jobs = [(await post.ledger.accept(new_job())).job_id for _ in range(3)]
    await post.holds(subjects.TASKS, 2 * FIRST)
    await asyncio.sleep(0.3)
    assert await post.messages(subjects.TASKS) == 2 * FIRST
    await post.ledger.cancel(jobs[0])
    await post.holds(subjects.CONTROL, 1)
    await post.bus.js.purge_stream(subjects.TASKS)
    await post.holds(subjects.TASKS, FIRST)
    message = await post.bus.js.get_msg(subjects.TASKS, seq=2 * FIRST + 1)
    assert message.headers is not None
    assert message.headers["Beatloom-Job"] == jobs[2]


async def test_what_was_committed_while_the_server_was_away_goes_out_after(post: Post) -> None:
    post.server.kill()
    await asyncio.gather(*(post.ledger.accept(new_job()) for _ in range(2)))
    await asyncio.sleep(0.5)
    post.server.start()

    async def connected() -> bool:
        return post.bus.connected

    await until(connected)
    await post.holds(subjects.TASKS, 2 * FIRST)


async def test_what_went_out_twice_is_there_once(post: Post, tmp_path: Path) -> None:
    await post.ledger.accept(new_job())
    await post.holds(subjects.TASKS, FIRST)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/ledger.db")
    try:
        async with database.write() as connection:
            await connection.exec_driver_sql("UPDATE outbox SET sent_at = NULL")
        assert await Outbox(database, post.bus, refused=post.ledger.apply).publish_due("task") == FIRST
    finally:
        await database.close()
    assert await post.messages(subjects.TASKS) == FIRST
