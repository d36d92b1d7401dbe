"""Jobs that wait for their turn, on SQLite and on a real PostgreSQL."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from libs.artifacts import open_store
from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobKind, JobOptions, Priority, State
from services.ingest import tables as t
from services.ingest.brief import Given, Wanted
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.limits.limits import Limits, RateLimited
from services.ingest.line import Line
from services.ingest.records import JobSnapshot, NewJob
from services.ingest.sweeper import Sweeper
from services.ingest.turns import Caps
from tests.contract.test_ledger import Clock
from tests.storyboards import shot
from tests.unit.ingest.story import TASKS, done, new_job


class Shop:
    """A ledger with caps, and what users do with it."""

    def __init__(self, database: Database, caps: Caps, limits: Limits | None = None) -> None:
        self.database, self.clock = database, Clock()
        self.line = Line(database, caps, clock=self._seconds)
        on_order = limits.order if limits is not None else None
        self.ledger = Ledger(database, clock=self.clock, line=self.line, on_order=on_order)

    def _seconds(self) -> float:
        return self.clock.now.timestamp()

    async def order(self, owner: str, kind: JobKind = "full", priority: Priority = "batch", key: str = "") -> str:
        """A new job's id."""
        self.clock.forward(seconds=1)
        job = order_of(owner, kind, priority)
        return (await self.ledger.accept(job, key=key, body_digest="same")).job_id

    async def look(self, job_id: str) -> JobSnapshot:
        """The job now."""
        return await self.ledger.snapshot(job_id)

    async def place(self, job_id: str) -> int | None:
        """Its place in the line."""
        self.clock.forward(seconds=1)
        return await self.ledger.place(await self.look(job_id))

    async def finish(self, job_id: str, run: int = 1) -> None:
        """The whole way, as workers go it."""
        for task in TASKS:
            await self.ledger.apply(msgspec.structs.replace(done(task, job_id=job_id), run=run))

    async def running(self) -> Counter[str]:
        """How many run, by owner."""
        query = sa.select(t.jobs.c.owner).join(t.runs, t.runs.c.job_id == t.jobs.c.id)
        async with self.database.read() as connection:
            rows = await connection.execute(query.where(t.runs.c.ended_at.is_(None), t.runs.c.waits_for == ""))
            return Counter(rows.scalars())

    async def clips_of(self, job_id: str) -> int:
        """How many of its clips were ordered."""
        where = (t.tasks.c.job_id == job_id, t.tasks.c.kind == "animate")
        async with self.database.read() as connection:
            return len((await connection.execute(sa.select(t.tasks).where(*where))).all())

    async def waits(self, job_id: str) -> bool:
        """Whether it waits, and nothing of it was ordered."""
        async with self.database.read() as connection:
            ordered = (await connection.execute(sa.select(t.tasks).where(t.tasks.c.job_id == job_id))).all()
        turn = (await self.look(job_id)).waits_for == "turn"
        assert turn == (not ordered)
        return turn


def order_of(owner: str, kind: JobKind = "full", priority: Priority = "batch") -> NewJob:
    """What a user wants."""
    given = Given(takes={"animate.s001.2": Wanted(shot=shot(1))} if kind == "takes" else {})
    return msgspec.structs.replace(
        new_job(), owner=owner, kind=kind, given=given, options=JobOptions(seed=7, priority=priority)
    )


@pytest.mark.parametrize("many", [30, pytest.param(500, marks=pytest.mark.matrix)])
async def test_one_users_many_jobs_do_not_hold_up_anothers_first(database: Database, many: int) -> None:
    shop = Shop(database, Caps(each=3, in_all=4))
    hog = [await shop.order("ada") for _ in range(many)]
    assert await shop.running() == {"ada": 3}
    bob = [await shop.order("bob") for _ in range(2)]
    assert not await shop.waits(bob[0])
    carol = await shop.order("carol")
    assert [await shop.place(job) for job in (bob[1], carol, hog[3], hog[-1])] == [2, 1, 3, many - 1]
    await shop.finish(hog[1])
    assert not await shop.waits(carol), "the first of hers goes before so many that are older"
    await shop.finish(bob[0])
    assert not await shop.waits(bob[1])
    await shop.finish(bob[1])
    assert [await shop.waits(job) for job in hog[2:5]] == [False, False, True], "then who has waited longest"
    assert await shop.running() == {"ada": 3, "carol": 1}


async def test_those_that_come_at_once_are_let_in_up_to_the_cap(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(3)]
    async with AsyncExitStack() as stack:
        for database in databases:
            stack.push_async_callback(database.close)
        await databases[0].migrate()
        await _let_in_and_end(databases)


async def _let_in_and_end(databases: list[Database]) -> None:
    shops = [Shop(database, Caps(each=2, in_all=3)) for database in databases]
    orders = [shops[number % 3].ledger.accept(order_of("ab"[number % 2])) for number in range(9)]
    waiting = {accepted.job_id for accepted in await asyncio.gather(*orders)}
    left = len(waiting)
    while left:
        running = await shops[0].running()
        assert sum(running.values()) == min(3, left)
        assert max(running.values()) <= 2
        going = [job for job in waiting if not (await shops[0].look(job)).waits_for]
        waiting.difference_update(going)
        left -= len(going)
        await asyncio.gather(*(shops[number % 3].ledger.cancel(job) for number, job in enumerate(going)))


async def test_the_order_of_ones_own_jobs(database: Database) -> None:
    shop = Shop(database, Caps(each=1))
    running = await shop.order("ada")
    batch, soon = await shop.order("ada"), await shop.order("ada", priority="interactive")
    storyboard, takes = await shop.order("ada", "storyboard"), await shop.order("ada", "takes")
    line = [soon, takes, batch, storyboard]
    assert [await shop.place(job) for job in line] == [1, 2, 3, 4]
    assert await shop.place(running) is None
    events = await shop.ledger.events(batch, after=0)
    told = [(row.name, msgspec.json.decode(row.data).get("code")) for row in events]
    assert told[:2] == [("stage_update", None), ("message", "waits_for_turn")]
    await shop.ledger.cancel(running)
    for job, after in zip(line, [*line[1:], None], strict=True):
        assert not await shop.waits(job)
        assert after is None or await shop.waits(after)
        await shop.ledger.cancel(job)


async def test_a_job_that_waits_is_cancelled_and_run_again(database: Database) -> None:
    shop = Shop(database, Caps(each=1))
    first, second, third = [await shop.order("ada") for _ in range(3)]
    await shop.ledger.cancel(second)
    assert (await shop.look(second)).state is State.CANCELLED
    assert (await shop.look(second)).waits_for == ""
    assert await shop.waits(third), "it took no place, so none is free"
    assert await shop.place(third) == 1
    assert await shop.ledger.retry(second) == 2
    assert await shop.place(second) == 2, "a new run waits from its own time on"
    with pytest.raises(Permanent, match="job_running"):
        await shop.ledger.retry(second)
    await shop.finish(first)
    assert not await shop.waits(third)
    await shop.finish(third)
    assert (await shop.look(second)).waits_for == ""
    await shop.finish(second, run=2)
    assert (await shop.look(second)).state is State.COMPLETED
    assert await shop.running() == {}


async def test_after_a_crash_between_an_end_and_the_next_the_sweep_lets_it_in(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(database, Caps(each=1))
    first, second = [await shop.order("ada") for _ in range(2)]

    async def killed() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(shop.ledger, "let_in", killed)
    with pytest.raises(KeyboardInterrupt):
        await shop.ledger.cancel(first)
    assert (await shop.look(first)).state is State.CANCELLED
    assert await shop.waits(second)
    again = Shop(database, Caps(each=1))
    store = open_store(f"file://{tmp_path}/store")
    sweeper = Sweeper(database, store, wake=lambda: None, clock=again.clock, let_in=again.ledger.let_in)
    await sweeper.sweep()
    assert not await again.waits(second)
    await again.ledger.apply(done("analyze", job_id=second))
    assert (await again.look(second)).state is State.PLANNING


async def test_clips_before_the_workers_are_shared_out_among_ones_jobs(database: Database) -> None:
    shop = Shop(database, Caps(clips=2))
    alone, *two = [await shop.order(owner) for owner in ("ada", "bob", "bob")]
    for job in (alone, *two):
        for task in TASKS[:2]:
            await shop.ledger.apply(done(task, job_id=job))
    assert [await shop.clips_of(job) for job in (alone, *two)] == [2, 1, 1]
    await shop.finish(two[0])
    await shop.ledger.apply(done("animate.s001", job_id=two[1]))
    assert await shop.clips_of(two[1]) == 3, "the other two at once, now that it is his only job"


async def test_all_go_on_once_there_are_no_caps(database: Database) -> None:
    shop = Shop(database, Caps(each=1))
    for _ in range(4):
        await shop.order("ada")
    assert await Shop(database, Caps()).ledger.let_in() == 3
    assert await shop.running() == {"ada": 4}


async def test_a_run_that_waits_for_money_holds_no_place(database: Database) -> None:
    shop = Shop(database, Caps(each=1))
    poor, rich = [await shop.order("ada") for _ in range(2)]
    async with database.write() as connection:
        await connection.execute(sa.update(t.runs).where(t.runs.c.job_id == poor).values(waits_for="money"))
    await shop.ledger.let_in()
    assert not await shop.waits(rich)


@pytest.mark.parametrize("way", ["at once", "one by one"])
async def test_an_hours_orders_are_counted_with_their_jobs(database: Database, way: str) -> None:
    shop = Shop(database, Caps(), Limits({"orders": "5/hour"}))
    assert await shop.order("ada", key="same") == await shop.order("ada", key="same")

    async def refuse(_: object) -> None:
        raise Permanent("project_busy")

    for _ in range(9):
        with pytest.raises(Permanent):
            await shop.ledger.accept(order_of("ada"), first=refuse)

    async def one() -> object:
        return await shop.ledger.accept(order_of("ada"))

    if way == "at once":
        ends = await asyncio.gather(*(one() for _ in range(7)), return_exceptions=True)
    else:
        ends = [end for _ in range(7) for end in await asyncio.gather(one(), return_exceptions=True)]
    assert [type(end) for end in ends].count(RateLimited) == 3
    assert len(await shop.ledger.snapshots("ada", limit=99)) == 5, "the refused ones have left nothing"
    assert await shop.order("ada", key="same")
    assert await shop.order("bob")
