"""One suite for the ledger, on SQLite and on a real PostgreSQL."""

import asyncio
import itertools
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from libs.contracts.errors import Permanent, Retryable
from libs.contracts.facts import Fact, JobCompleted
from libs.contracts.jobs import State
from libs.contracts.messages import Control, DeadLetter, decode
from libs.contracts.tasks import Task
from services.ingest import tables as t
from services.ingest.database import CONFLICT_TRIES, Database
from services.ingest.ledger import Ledger
from services.ingest.outbox import KINDS, Outbox
from services.ingest.schema import metadata
from services.ingest.sweeper import PATIENCE, Sweeper
from services.ingest.webhooks.retrying import WAITS
from tests.unit.ingest.story import FIRST, SONG, TASKS, blob, broke, done, new_job, with_stills

URL = "https://example.org/hook"
FIRST_TRIES = [f"{task}/1" for task in FIRST]


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)


class Wire:
    """A bus that keeps what is published, and can be away."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.facts: list[Fact] = []
        self.controls: list[Control] = []
        self.letters: list[DeadLetter] = []
        self.down: set[str] = set()
        self.refuses = False

    def _open(self, kind: str) -> None:
        if kind in self.down:
            raise Retryable("bus_unavailable")

    async def publish_task(self, task: Task) -> None:
        """Keep it."""
        self._open("task")
        if self.refuses:
            raise Permanent("unexpected", "It is too large.")
        self.tasks.append(task)

    async def publish_fact(self, fact: Fact) -> None:
        """Keep it."""
        self._open("fact")
        self.facts.append(fact)

    async def publish_control(self, control: Control) -> None:
        """Keep it."""
        self._open("control")
        self.controls.append(control)

    async def publish_dead(self, letter: DeadLetter) -> None:
        """Keep it."""
        self._open("dead")
        self.letters.append(letter)


class Books:
    """A ledger with its outbox and sweeper, on one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.woken: list[str] = []
        self.ledger = Ledger(database, on_commit=self._note, clock=clock)
        self.wire = Wire()
        self.outbox = Outbox(database, self.wire, refused=self.ledger.apply, clock=clock)

    async def _note(self, job_id: str) -> None:
        self.woken.append(job_id)

    async def accept(self, callback_url: str = "") -> str:
        """A new job's id."""
        return (await self.ledger.accept(new_job(callback_url))).job_id

    async def tell(self, job_id: str, *facts: Fact, run: int = 1) -> None:
        """Apply facts as if they were of this job."""
        for fact in facts:
            await self.ledger.apply(msgspec.structs.replace(fact, job_id=job_id, run=run))

    async def flush(self) -> list[str]:
        """Publish what is due; keys and attempts of the tasks."""
        before = len(self.wire.tasks)
        for kind in KINDS:
            while await self.outbox.publish_due(kind):
                pass
        return [f"{task.task}/{task.attempt}" for task in self.wire.tasks[before:]]

    async def rows(self, table: sa.Table, *where: Any) -> list[Any]:
        """All rows of a table."""
        async with self.database.read() as connection:
            return list((await connection.execute(sa.select(table).where(*where))).all())

    async def events(self, job_id: str) -> list[tuple[str, dict[str, Any]]]:
        """Names and bodies of a job's events."""
        return [(row.name, msgspec.json.decode(row.data)) for row in await self.ledger.events(job_id, after=0)]


@pytest.fixture
def books(database: Database) -> Books:
    """A ledger on an empty database."""
    return Books(database, Clock())


async def finish(books: Books, job_id: str, run: int = 1) -> None:
    """The whole way, as workers go it."""
    await books.tell(job_id, *(done(task) for task in TASKS), run=run)


# Tables.


async def test_the_migrations_make_the_tables_that_the_code_speaks_of(database: Database) -> None:
    def differences(connection: sa.Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_many_processes_may_migrate_at_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(3)]
    try:
        await asyncio.gather(*(each.migrate() for each in databases))
        await asyncio.gather(*(each.check() for each in databases))
    finally:
        for each in databases:
            await each.close()


async def test_foreign_keys_hold(database: Database) -> None:
    row = {"job_id": "none", "number": 1, "run": 1, "name": "x", "data": "{}", "at": datetime.now(UTC)}
    with pytest.raises(sa.exc.IntegrityError):
        async with database.write() as connection:
            await connection.execute(sa.insert(t.events).values(**row))


# Jobs.


async def test_a_new_job_orders_its_first_task(books: Books) -> None:
    job_id = await books.accept()
    seen = await books.ledger.snapshot(job_id)
    assert (seen.state, seen.run, seen.song_name, seen.duration) == (State.ANALYZING, 1, "a song", 30.0)
    assert [stage.state for stage in seen.stages] == [State.QUEUED, State.ANALYZING]
    assert [notice.code for notice in seen.notices] == ["truncated_song"]
    assert seen.created_at == books.clock.now
    assert books.woken == [job_id]
    assert await books.flush() == FIRST_TRIES
    assert await books.flush() == []
    assert books.wire.tasks[0].message_id == f"{job_id}/1/analyze/1"


async def test_a_song_becomes_a_video(books: Books) -> None:
    job_id = await books.accept()
    published = []
    for task in TASKS:
        published += await books.flush()
        books.clock.forward(seconds=10)
        await books.tell(job_id, done(task))
    assert published == [f"{task}/1" for task in (*FIRST, *TASKS[1:])]
    seen = await books.ledger.snapshot(job_id)
    assert (seen.state, seen.scenes_done, seen.scenes_total) == (State.COMPLETED, 3, 3)
    assert (seen.video, seen.report) == (blob("video"), blob("report"))
    assert (seen.poster, seen.sheet) == (blob("poster"), blob("sheet"))
    assert (seen.analysis, seen.storyboard, seen.error) == (blob("analysis"), blob("board"), None)
    assert seen.clips == {scene: blob(f"clip {scene}") for scene in ("s001", "s002", "s003")}
    assert seen.ended_at == books.clock.now
    seconds = [(it.ended_at - it.started_at).total_seconds() for it in seen.stages if it.ended_at]
    assert seconds == [0, 10, 10, 30, 10]
    await books.flush()
    assert [type(fact.body) for fact in books.wire.facts] == [JobCompleted]
    assert books.wire.controls == []


async def test_rows_tell_what_is_there(books: Books) -> None:
    job_id = await books.accept()
    await finish(books, job_id)
    scenes = await books.rows(t.scenes)
    assert [(row.scene_id, row.start_frame, row.end_frame) for row in scenes] == [
        ("s001", 0, 30),
        ("s002", 30, 60),
        ("s003", 60, 90),
    ]
    takes = await books.rows(t.takes)
    assert [(row.scene_id, row.attempt, row.chosen, row.clip) for row in takes] == [
        (scene, 1, True, blob(f"clip {scene}")) for scene in ("s001", "s002", "s003")
    ]
    (export,) = await books.rows(t.exports)
    assert (export.video, export.frames) == (blob("video"), 90)
    (project,) = await books.rows(t.projects)
    assert (project.owner, project.analysis, project.storyboard) == ("local", blob("analysis"), blob("board"))
    assert len(await books.rows(t.facts)) == len(TASKS) + 1
    tasks = await books.rows(t.tasks)
    assert sorted(row.seq for row in tasks) == list(range(1, 8))
    assert [row.task for row in tasks if row.answered_at is None] == ["mix"], "nobody waits for it"
    clips = ["clip s001", "clip s002", "clip s003"]
    names = ["song", "analysis", "board", *clips, "video", "report", "poster", "sheet"]
    assert {row.sha256 for row in await books.rows(t.references)} == {blob(name).sha256 for name in names}


async def test_a_take_may_come_before_the_storyboard(books: Books) -> None:
    job_id = await books.accept()
    await books.tell(job_id, done("animate.s002"), done("analyze"), done("plan"))
    seen = await books.ledger.snapshot(job_id)
    assert (seen.scenes_done, seen.scenes_total) == (1, 3)
    assert await books.flush() == [*FIRST_TRIES, "plan/1", "animate.s001/1", "animate.s003/1"]


async def test_the_same_fact_again_changes_nothing(books: Books) -> None:
    job_id = await books.accept()
    await books.tell(job_id, done("analyze"))
    before, events = await books.rows(t.jobs), await books.events(job_id)
    await books.tell(job_id, done("analyze"), done("analyze", make="x"))
    assert (await books.rows(t.jobs), await books.events(job_id)) == (before, events)
    assert await books.flush() == [*FIRST_TRIES, "plan/1"]


async def test_facts_of_nothing_known_change_nothing(books: Books) -> None:
    job_id = await books.accept()
    await books.tell("nobody", done("analyze"))
    await books.tell(job_id, done("analyze"), run=7)
    await books.tell(job_id, broke("a" * 200))
    await books.tell(job_id, broke("what.ever"))
    assert (await books.ledger.snapshot(job_id)).state is State.ANALYZING


async def test_many_appliers_at_once_lose_nothing(books: Books, database_url: str) -> None:
    others = [Database(database_url) for _ in range(3)]
    ledgers = [Ledger(each, clock=books.clock) for each in others]
    try:
        job_id = await books.accept()
        facts = [msgspec.structs.replace(done(task), job_id=job_id) for task in TASKS[:5]]
        await asyncio.gather(*(ledger.apply(fact) for fact in facts for ledger in ledgers))
        published = await books.flush()
        # What is done before its turn comes is never ordered, so which tasks were depends on the race.
        assert {*FIRST_TRIES, "compose/1"} <= set(published) <= {f"{task}/1" for task in (*FIRST, *TASKS)}
        assert len(published) == len(set(published))
        events = await books.ledger.events(job_id, after=0)
        assert [row.number for row in events] == list(range(1, len(events) + 1))
        assert len(await books.rows(t.facts)) == 5
    finally:
        for each in others:
            await each.close()


@contextmanager
def interference(database: Database, times: int) -> Iterator[Counter[str]]:
    """Somebody else changes each job right before it is written, so many times."""
    seen: Counter[str] = Counter()

    def meddle(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE jobs SET run") and seen["meddled"] < times:
            seen["meddled"] += 1
            cursor.execute("UPDATE jobs SET version = version + 1")

    engine = database._engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", meddle)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", meddle)


async def test_a_write_by_somebody_else_is_noticed_and_the_work_repeated(books: Books) -> None:
    job_id = await books.accept()
    with interference(books.database, 2) as seen:
        await books.tell(job_id, done("analyze"))
    assert seen["meddled"] == 2
    assert await books.flush() == [*FIRST_TRIES, "plan/1"]
    with interference(books.database, CONFLICT_TRIES), pytest.raises(Retryable) as caught:
        await books.tell(job_id, done("plan"))
    assert caught.value.code == "conflict"
    assert len(await books.rows(t.facts)) == 1
    await books.tell(job_id, done("plan"))
    assert len(await books.rows(t.scenes)) == 3


async def test_a_deadlock_is_a_conflict_for_one_of_the_two(postgres_url: str) -> None:
    database = Database(postgres_url)
    await database.migrate()
    books = Books(database, Clock())
    ids = [await books.accept(), await books.accept()]
    both_hold_one = asyncio.Barrier(2)

    async def update(first: str, second: str) -> None:
        async with database.write() as connection:
            await connection.execute(sa.update(t.jobs).where(t.jobs.c.id == first).values(state="x"))
            await both_hold_one.wait()
            await connection.execute(sa.update(t.jobs).where(t.jobs.c.id == second).values(state="x"))

    results = await asyncio.gather(update(*ids), update(*reversed(ids)), return_exceptions=True)
    await database.close()
    (lost,) = [result for result in results if result is not None]
    assert isinstance(lost, Retryable)
    assert lost.code == "conflict"


async def test_a_crash_before_the_commit_leaves_nothing(books: Books) -> None:
    job_id = await books.accept()
    with pytest.raises(RuntimeError, match="died"):
        async with books.database.write() as connection:
            await connection.execute(sa.delete(t.outbox))
            raise RuntimeError("died")
    assert await books.flush() == FIRST_TRIES
    assert job_id


async def test_reading_goes_on_while_somebody_writes(books: Books) -> None:
    job_id = await books.accept()
    async with books.database.write() as connection:
        await connection.execute(sa.update(t.jobs).values(state="nowhere"))
        async with asyncio.timeout(2):
            assert (await books.ledger.snapshot(job_id)).state is State.ANALYZING
            await books.ledger.events(job_id, after=0)


async def test_who_is_cut_off_in_the_middle_leaves_no_lock(books: Books) -> None:
    chance = random.Random(7)
    job_id = await books.accept()
    for _ in range(40):
        cut = asyncio.create_task(books.accept())
        busy = asyncio.create_task(books.tell(job_id, done("analyze")))
        await asyncio.sleep(chance.uniform(0, 0.02))
        cut.cancel()
        busy.cancel()
        await asyncio.gather(cut, busy, return_exceptions=True)
    async with asyncio.timeout(5):
        await books.tell(job_id, done("analyze"), done("plan"))
        assert (await books.ledger.snapshot(await books.accept())).state is State.ANALYZING
    jobs, runs = await books.rows(t.jobs), await books.rows(t.runs)
    waiting = [row for row in await books.rows(t.outbox) if row.task == "analyze"]
    assert len(jobs) == len(runs) == len(waiting)


# Failures, cancel, retry.


async def test_a_failed_try_is_ordered_again_when_its_time_comes(books: Books) -> None:
    job_id = await books.accept()
    await books.flush()
    await books.tell(job_id, broke("analyze", retry_after=30))
    assert await books.flush() == []
    books.clock.forward(seconds=31)
    assert await books.flush() == ["analyze/2"]
    messages = [body for name, body in await books.events(job_id) if name == "message"]
    assert [body["code"] for body in messages] == ["truncated_song", "unexpected"]


async def test_giving_up_ends_the_run_and_keeps_the_history(books: Books) -> None:
    job_id = await books.accept()
    for attempt in (1, 2, 3):
        await books.tell(job_id, broke("analyze", attempt=attempt, code="timeout"))
        books.clock.forward(seconds=10)
    seen = await books.ledger.snapshot(job_id)
    assert seen.state is State.FAILED
    assert seen.error is not None
    assert (seen.error.code, seen.error.task) == ("timeout", "analyze")
    (letter,) = await books.ledger.dead_letters()
    full = await books.ledger.dead_letter(letter.id)
    assert [(it.attempt, it.code, it.detail) for it in full.errors] == [
        (number, "timeout", "traceback") for number in (1, 2, 3)
    ]
    await books.flush()
    assert [it.id for it in books.wire.letters] == [letter.id]
    assert [(it.state, it.ended_run) for it in books.wire.controls] == [("failed", 1)]
    assert b"broke" not in msgspec.json.encode(books.wire.letters)
    assert [name for name, _ in await books.events(job_id)][-1] == "error"


async def test_dead_letters_are_paged(books: Books) -> None:
    ids = []
    for number in range(5):
        job_id = await books.accept()
        await books.tell(job_id, broke("analyze", retryable=False))
        ids.append(job_id)
        books.clock.forward(seconds=number % 2)
    whole = await books.ledger.dead_letters()
    assert sorted(letter.job_id for letter in whole) == sorted(ids)
    paged, before = [], None
    while page := await books.ledger.dead_letters(limit=2, before=before):
        paged += page
        before = page[-1].id
        await books.ledger.drop(before)
    assert paged == whole, "each once, also those of the same moment, whatever is dropped meanwhile"
    assert await books.ledger.dead_letters(before="none such") == []


async def test_streams_learn_what_they_missed(books: Books) -> None:
    job_id, other = await books.accept(), await books.accept()
    project_id = (await books.ledger.snapshot(job_id)).project_id
    before = await books.ledger.last_events([job_id, project_id, other, "gone"])
    await books.tell(job_id, done("analyze"))
    after = await books.ledger.last_events([job_id, project_id, other, "gone"])
    assert before.keys() == after.keys() == {job_id, project_id, other}
    assert after[job_id] > before[job_id]
    assert after[project_id] > before[project_id]
    assert after[other] == before[other]
    snapshot, rows = await books.ledger.news(job_id, after=before[job_id], limit=100)
    assert [row.number for row in rows] == list(range(before[job_id] + 1, after[job_id] + 1))
    assert snapshot == await books.ledger.snapshot(job_id)
    with pytest.raises(Permanent):
        await books.ledger.news("gone", after=0, limit=1)


async def test_a_file_that_is_locked_is_waited_for(books: Books, database_url: str) -> None:
    if "sqlite" not in database_url:
        pytest.skip("only files are locked")
    job_id = await books.accept()
    path = database_url.partition(":///")[2]
    await books.database.close()  # alone with the file, one may lock it whole
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("PRAGMA locking_mode=EXCLUSIVE")
    lock.execute("BEGIN EXCLUSIVE")
    read = asyncio.create_task(books.ledger.snapshot(job_id))
    await asyncio.sleep(0.3)
    assert not read.done()
    lock.close()
    assert (await read).job_id == job_id


async def test_cancel_takes_back_what_has_not_gone_out(books: Books) -> None:
    job_id = await books.accept(URL)
    await books.flush()
    await books.tell(job_id, broke("analyze", retry_after=30))
    await books.ledger.cancel(job_id)
    books.clock.forward(minutes=5)
    assert await books.flush() == ["notify/1"]
    assert [(it.state, it.ended_run) for it in books.wire.controls] == [("cancelled", 1)]
    seen = await books.ledger.snapshot(job_id)
    assert seen.error is not None
    assert (seen.state, seen.error.code) == (State.CANCELLED, "job_cancelled")
    with pytest.raises(Permanent, match="job_ended"):
        await books.ledger.cancel(job_id)
    with pytest.raises(Permanent, match="job_not_found"):
        await books.ledger.cancel("nobody")


async def test_a_cancel_while_tasks_go_out_loses_no_message(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    if books.database.locks_rows:
        return  # there the end waits until they have gone out
    job_id = await books.accept(URL)
    publish = books.wire.publish_task

    async def meanwhile(task: Task) -> None:
        await publish(task)
        if task.task == FIRST[-1]:
            await books.ledger.cancel(job_id)

    monkeypatch.setattr(books.wire, "publish_task", meanwhile)
    await books.flush()
    await books.flush()
    assert [task.task for task in books.wire.tasks] == [*FIRST, "notify"]


async def test_two_who_cancel_at_once_end_it_once(books: Books) -> None:
    job_id = await books.accept()
    results = await asyncio.gather(*(books.ledger.cancel(job_id) for _ in range(4)), return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert [name for name, _ in await books.events(job_id)].count("error") == 1


async def test_after_the_end_only_results_are_recorded(books: Books) -> None:
    job_id = await books.accept()
    await books.tell(job_id, done("analyze"), done("plan"))
    await books.ledger.cancel(job_id)
    events = await books.events(job_id)
    await books.flush()
    await books.tell(job_id, done("animate.s001"), broke("animate.s002"), done("compose"))
    seen = await books.ledger.snapshot(job_id)
    assert seen.state is State.CANCELLED
    assert seen.clips == {"s001": blob("clip s001")}
    assert await books.events(job_id) == events
    assert await books.flush() == []


async def test_retry_opens_a_run_that_goes_the_same_way(books: Books) -> None:
    job_id = await books.accept()
    with pytest.raises(Permanent, match="job_running"):
        await books.ledger.retry(job_id)
    with pytest.raises(Permanent, match="job_not_found"):
        await books.ledger.retry("nobody")
    await books.tell(job_id, broke("analyze", retryable=False))
    await books.flush()
    assert await books.ledger.retry(job_id) == 2
    assert await books.flush() == FIRST_TRIES
    assert books.wire.tasks[-1].run == 2
    assert [(it.state, it.ended_run) for it in books.wire.controls] == [("failed", 1), ("superseded", 1)]
    seen = await books.ledger.snapshot(job_id)
    assert (seen.run, seen.state, seen.error, seen.ended_at) == (2, State.ANALYZING, None, None)
    await finish(books, job_id, run=2)
    assert (await books.ledger.snapshot(job_id)).state is State.COMPLETED
    numbers = [row.number for row in await books.ledger.events(job_id, after=0)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_facts_of_an_older_run_do_not_touch_the_newer(books: Books) -> None:
    job_id = await books.accept()
    await books.ledger.cancel(job_id)
    await books.ledger.retry(job_id)
    before, events = await books.ledger.snapshot(job_id), await books.events(job_id)
    await finish(books, job_id, run=1)
    assert await books.ledger.snapshot(job_id) == before
    assert await books.events(job_id) == events
    assert await books.flush() == FIRST_TRIES


async def test_a_lost_clip_is_made_again(books: Books) -> None:
    job_id = await books.accept()
    await books.tell(job_id, *(done(task) for task in TASKS[:5]))
    await books.flush()
    await books.tell(job_id, broke("compose", code="input_missing", missing=blob("clip s002").sha256))
    assert await books.flush() == ["animate.s002/2"]
    assert "s002" not in (await books.ledger.snapshot(job_id)).clips
    await books.tell(job_id, done("animate.s002", attempt=2, make="x"))
    assert await books.flush() == ["compose/2"]
    assert (await books.ledger.snapshot(job_id)).clips["s002"] == blob("clip s002x")
    await books.tell(job_id, done("compose", attempt=2))
    assert (await books.ledger.snapshot(job_id)).state is State.COMPLETED


# Dead letters.


async def test_a_still_that_is_given_up_leaves_a_letter_and_holds_up_nothing(books: Books) -> None:
    job_id = await books.accept()
    await books.flush()
    await books.tell(job_id, done("analyze"))
    await books.flush()
    await books.tell(job_id, with_stills("p1", "p2"))
    assert await books.flush() == ["imagine.p1/1", "imagine.p2/1"]
    await books.tell(job_id, broke("imagine.p1", code="workflow_missing_model", retryable=False))
    assert await books.flush() == ["animate.s001/1"]
    assert [letter.task for letter in books.wire.letters] == ["imagine.p1"]
    await books.tell(job_id, done("imagine.p2"), done("imagine.p2"))
    assert await books.flush() == ["animate.s002/1"]
    assert len(await books.rows(t.references, t.references.c.sha256 == blob("still p2").sha256)) == 1
    snapshot = await books.ledger.snapshot(job_id)
    assert (snapshot.state, snapshot.scenes_done, snapshot.scenes_total) == (State.GENERATING, 0, 2)
    assert [stage.state for stage in snapshot.stages].count(State.GENERATING) == 1


async def test_replaying_a_dead_letter_opens_a_run(books: Books) -> None:
    job_id = await books.accept()
    await books.tell(job_id, broke("analyze", retryable=False))
    (letter,) = await books.ledger.dead_letters()
    assert await books.ledger.replay(letter.id) == 2
    assert await books.ledger.dead_letters() == []
    with pytest.raises(Permanent, match="dead_letter_not_found"):
        await books.ledger.replay(letter.id)


async def test_replaying_a_webhook_tries_it_again_whatever_the_job_does(books: Books) -> None:
    job_id = await books.accept(URL)
    await finish(books, job_id)
    await books.ledger.retry(job_id)
    await books.tell(job_id, broke("notify", code="delivery_refused", retryable=False))
    (letter,) = await books.ledger.dead_letters()
    await books.flush()
    assert await books.ledger.replay(letter.id) == 1
    assert await books.flush() == ["notify/2"]
    assert (await books.ledger.snapshot(job_id)).run == 2
    await books.tell(job_id, broke("notify", attempt=2, code="delivery_failed", retry_after=0))
    books.clock.forward(seconds=WAITS[0])
    assert await books.flush() == ["notify/3"]


async def test_a_letter_whose_job_runs_again_stays(books: Books) -> None:
    job_id = await books.accept()
    await books.tell(job_id, broke("analyze", retryable=False))
    await books.ledger.retry(job_id)
    (letter,) = await books.ledger.dead_letters()
    with pytest.raises(Permanent, match="job_running"):
        await books.ledger.replay(letter.id)
    assert len(await books.ledger.dead_letters()) == 1
    await books.ledger.drop(letter.id)
    assert await books.ledger.dead_letters() == []
    with pytest.raises(Permanent, match="dead_letter_not_found"):
        await books.ledger.drop(letter.id)
    with pytest.raises(Permanent, match="dead_letter_not_found"):
        await books.ledger.dead_letter(letter.id)


# Idempotency keys.


async def test_one_key_stands_for_one_job_for_a_day(books: Books) -> None:
    accept = books.ledger.accept
    first = await accept(new_job(), key="k", body_digest="d")
    again = await accept(new_job(), key="k", body_digest="d")
    assert (first.created, again.created, again.job_id) == (True, False, first.job_id)
    assert await books.ledger.accepted_before("local", "k", "d") == again
    with pytest.raises(Permanent, match="idempotency_conflict"):
        await accept(new_job(), key="k", body_digest="other")
    with pytest.raises(Permanent, match="idempotency_conflict"):
        await books.ledger.accepted_before("local", "k", "other")
    other = await accept(msgspec.structs.replace(new_job(), owner="somebody"), key="k", body_digest="d")
    assert other.created
    books.clock.forward(hours=24)
    assert await books.ledger.accepted_before("local", "k", "d") is None
    assert (await accept(new_job(), key="k", body_digest="other")).created
    assert len(await books.rows(t.jobs)) == 3


async def test_one_key_sent_many_times_at_once_makes_one_job(books: Books) -> None:
    results = await asyncio.gather(*(books.ledger.accept(new_job(), key="k", body_digest="d") for _ in range(6)))
    assert len({it.job_id for it in results}) == 1
    assert sum(it.created for it in results) == 1
    assert len(await books.rows(t.jobs)) == 1


# Reading.


async def test_events_tell_the_story(books: Books) -> None:
    job_id = await books.accept()
    await books.tell(job_id, done("analyze"), done("plan"), done("animate.s001"), broke("animate.s002"))
    await books.tell(job_id, done("animate.s002", attempt=2), done("animate.s003"), done("compose"))
    story = [
        (name, body.get("status") or body.get("code") or "", body.get("scenes_done"))
        for name, body in await books.events(job_id)
    ]
    assert story == [
        ("stage_update", "queued", 0),
        ("message", "truncated_song", None),
        ("stage_update", "analyzing", 0),
        ("message", "no_beats", None),
        ("stage_update", "planning", 0),
        ("stage_update", "generating", 0),
        ("stage_update", "generating", 1),
        ("message", "unexpected", None),
        ("stage_update", "generating", 2),
        ("stage_update", "composing", 3),
        ("completed", "", None),
    ]
    assert await books.ledger.first_event(job_id) == 1
    assert await books.ledger.first_event("nobody") is None
    rows = await books.ledger.events(job_id, after=3, limit=2)
    assert [row.number for row in rows] == [4, 5]


async def test_lists_are_paged_newest_first(books: Books) -> None:
    ids = []
    for _ in range(5):
        ids.append(await books.accept())
        await asyncio.sleep(0.002)
    await books.tell(ids[0], done("analyze"))
    first = await books.ledger.snapshots("local", limit=3)
    rest = await books.ledger.snapshots("local", limit=3, before=first[-1].job_id)
    assert [it.job_id for it in [*first, *rest]] == list(reversed(ids))
    assert rest[-1] == await books.ledger.snapshot(ids[0])
    assert await books.ledger.snapshots("somebody", limit=3) == [], "they are another user's"


async def test_reading_a_list_asks_few_questions_and_loads_no_facts(books: Books) -> None:
    for _ in range(4):
        await finish(books, await books.accept())
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    engine = books.database._engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    await books.ledger.snapshots("local", limit=4)
    sa.event.remove(engine, "before_cursor_execute", note)
    selects = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(selects) == 2
    assert not any(word in statement for statement in selects for word in ("facts", "takes", "tasks.message"))


async def test_a_database_that_is_away_is_an_error_to_try_again(tmp_path: Path, postgres_url: str) -> None:
    gone = Database(postgres_url.replace("host=", "host=/nowhere"))
    with pytest.raises(Retryable) as caught:
        await Ledger(gone).check()
    assert caught.value.code == "ledger_unavailable"
    await gone.close()
    torn = tmp_path / "ledger.db"
    torn.write_bytes(b"no database" * 1000)
    broken = Database(f"sqlite+aiosqlite:///{torn}")
    with pytest.raises(Exception, match="database"):
        await Ledger(broken).check()
    await broken.close()


# Outbox and sweeper.


async def test_a_bus_that_is_away_holds_up_only_what_it_holds_up(books: Books) -> None:
    job_id = await books.accept()
    books.wire.down = {"task"}
    with pytest.raises(Retryable):
        await books.outbox.publish_due("task")
    await books.tell(job_id, broke("analyze", retryable=False))
    for kind in ("control", "fact", "dead"):
        assert await books.outbox.publish_due(kind) == 1
    assert books.wire.tasks == []
    await books.ledger.retry(job_id)
    books.wire.down = set()
    assert await books.flush() == FIRST_TRIES
    assert books.wire.tasks[0].run == 2


async def test_what_went_out_before_the_bus_left_does_not_go_out_again(books: Books) -> None:
    for _ in range(3):
        await books.accept()
    publish = books.wire.publish_task
    calls = itertools.count(1)

    async def second_fails(task: Task) -> None:
        if next(calls) == 2:
            raise Retryable("bus_unavailable")
        await publish(task)

    books.wire.publish_task = second_fails  # type: ignore[method-assign]  # the wire breaks in the middle
    with pytest.raises(Retryable):
        await books.outbox.publish_due("task")
    assert await books.outbox.publish_due("task") == 5
    assert len({task.message_id for task in books.wire.tasks}) == len(books.wire.tasks) == 6


async def test_a_task_that_the_bus_will_never_take_fails_its_job(books: Books) -> None:
    job_id = await books.accept()
    books.wire.refuses = True
    await books.outbox.publish_due("task")
    assert (await books.ledger.snapshot(job_id)).state is State.FAILED
    assert await books.outbox.publish_due("task") == 0


async def test_two_publishers_share_the_work(books: Books, database_url: str) -> None:
    for _ in range(20):
        await books.accept()
    other = Database(database_url)
    try:
        second = Outbox(other, books.wire, refused=books.ledger.apply, clock=books.clock)
        await asyncio.gather(books.outbox.publish_due("task"), second.publish_due("task"))
        await books.flush()
    finally:
        await other.close()
    published = Counter(task.message_id for task in books.wire.tasks)
    assert len(published) == 20 * len(FIRST)
    if books.database.locks_rows:
        assert set(published.values()) == {1}


class NoStore:
    """A store in which there is nothing."""

    async def list(self, prefix: str) -> AsyncIterator[Any]:
        """Nothing."""
        for key in list[str]():
            yield key


def sweeper(books: Books) -> Sweeper:
    """A sweeper that finds no artifacts."""
    return Sweeper(books.database, NoStore(), wake=lambda: None, clock=books.clock)  # type: ignore[arg-type]  # lists only


async def test_a_task_without_an_answer_is_published_again_ever_more_rarely(books: Books) -> None:
    await books.accept()
    sweep = sweeper(books)
    books.clock.forward(hours=3)
    assert await sweep.publish_again() == 0, "it has not even gone out"
    assert await books.flush() == FIRST_TRIES
    books.clock.now += PATIENCE["analyze"] - timedelta(seconds=1)
    assert await sweep.publish_again() == 0
    books.clock.forward(seconds=2)
    assert await sweep.publish_again() == 2
    assert await sweep.publish_again() == 0, "they are in the outbox already"
    assert await books.flush() == FIRST_TRIES
    books.clock.now += PATIENCE["analyze"] * 1.9
    assert await sweep.publish_again() == 0
    books.clock.now += PATIENCE["analyze"] * 0.2
    assert await sweep.publish_again() == 2
    assert [row.publications for row in await books.rows(t.tasks)] == [2, 2]


async def test_answered_tasks_and_those_of_ended_runs_stay_where_they_are(books: Books) -> None:
    answered, ended = await books.accept(), await books.accept(URL)
    await books.flush()
    await books.tell(answered, done("analyze"), done("mix"))
    await books.ledger.cancel(ended)
    await books.flush()
    books.clock.forward(days=2)
    assert await sweeper(books).publish_again() == 2
    assert sorted(await books.flush()) == ["notify/1", "plan/1"]


async def test_the_outbox_and_old_keys_are_pruned(books: Books) -> None:
    await books.ledger.accept(new_job(), key="k", body_digest="d")
    await books.accept()
    await books.outbox.publish_due("task")
    await books.ledger.retry(await _failed(books))
    books.clock.forward(days=2)
    await sweeper(books).prune()
    left = await books.rows(t.outbox)
    assert left
    assert all(row.sent_at is None for row in left)
    assert await books.rows(t.idempotency_keys) == []


async def _failed(books: Books) -> str:
    job_id = await books.accept()
    await books.tell(job_id, broke("analyze", retryable=False))
    return job_id


async def test_messages_in_the_outbox_can_be_read(books: Books) -> None:
    await books.accept()
    row, _ = await books.rows(t.outbox)
    task = decode(row.message.encode(), Task)
    assert (task.task, task.owner, row.kind) == ("analyze", "local", "task")
    assert task.body == msgspec.structs.replace(task.body, song=SONG)
