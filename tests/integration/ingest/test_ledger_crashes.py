"""No order of crashes around commit, publish and ack loses or doubles the effect of a task.

The ledger, its database and its outbox are the real ones. The bus is a small at-least-once one in memory with
the stream's duplicate window; the workers answer as real ones do: by the result record when there is one. Each
step may die at any of its points, and the whole of ingest then starts anew on the same file.
"""

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.facts import Fact, TaskAttemptFailed
from libs.contracts.jobs import State
from libs.contracts.messages import Control, DeadLetter
from libs.contracts.tasks import Task
from services.ingest.brief import blobs_in
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.outbox import KINDS, Outbox
from services.ingest.sweeper import Sweeper
from tests.unit.ingest.story import TASKS, fact, new_job, result

MAX_STEPS = 400
SCENES = 3


class Died(Exception):
    """The process is gone."""


class Fate:
    """Says at each point whether the process dies there, from a list that Hypothesis shrinks."""

    def __init__(self, deaths: list[int]) -> None:
        self.deaths = set(deaths)
        self.point = 0

    def may_die(self) -> None:
        """One point at which kill -9 may strike."""
        self.point += 1
        if self.point in self.deaths:
            raise Died


class CrashingDatabase(Database):
    """Dies right before a commit, or right after it."""

    def __init__(self, url: str, fate: Fate) -> None:
        super().__init__(url)
        self.fate = fate

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction between two points of death."""
        async with super().write() as connection:
            yield connection
            self.fate.may_die()
        self.fate.may_die()


class World:
    """What outlives ingest: the bus, the artifacts, the clock."""

    def __init__(self, fate: Fate, lost: list[int], failing: Counter[str]) -> None:
        self.fate = fate
        self.tasks: list[Task] = []
        self.facts: list[Fact] = []
        self.controls: list[Control] = []
        self.letters: list[DeadLetter] = []
        self.seen: set[str] = set()
        self.records: dict[str, str] = {}
        self.blobs: set[str] = set()
        self.made: Counter[str] = Counter()
        self.lost = set(lost)
        self.published = 0
        self.failing = failing
        self.now = datetime.now(UTC)

    def clock(self) -> datetime:
        """The time."""
        return self.now

    async def publish_task(self, task: Task) -> None:
        """Into the work queue, unless its id was seen; and then the publisher may die before it notes that."""
        self.fate.may_die()
        self.published += 1
        # The whole stream may be lost, message and window: then only the sweeper brings the task back.
        if self.published in self.lost:
            pass
        elif task.message_id not in self.seen:
            self.seen.add(task.message_id)
            self.tasks.append(task)
        self.fate.may_die()

    async def publish_fact(self, fact: Fact) -> None:
        """As above."""
        self.fate.may_die()
        if fact.message_id not in self.seen:
            self.seen.add(fact.message_id)
            self.facts.append(fact)
        self.fate.may_die()

    async def publish_control(self, control: Control) -> None:
        """Kept."""
        self.controls.append(control)

    async def publish_dead(self, letter: DeadLetter) -> None:
        """Kept."""
        self.letters.append(letter)

    async def work(self, index: int) -> None:
        """A worker takes a task: finds or makes its result, publishes the fact, acks. It may die in between."""
        task = self.tasks[index % len(self.tasks)]
        name = f"{task.task} broke" if self.failing[task.task] >= task.attempt else ""
        if name:
            body = TaskAttemptFailed(code="unexpected", message=name, retryable=True)
            await self.publish_fact(fact(task.task, body, attempt=task.attempt, job_id=task.job_id, run=task.run))
        else:
            done = result(task.task, scenes=SCENES)
            if task.task not in self.records:
                self.fate.may_die()
                self.blobs.update(blob.sha256 for blob in blobs_in(done))
                self.made[task.task] += 1
                self.records[task.task] = "made"
            await self.publish_fact(fact(task.task, done, attempt=task.attempt, job_id=task.job_id, run=task.run))
        self.tasks.remove(task)


class NoStore:
    """A store in which there is nothing."""

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Nothing."""
        for key in list[str]():
            yield key


class Ingest:
    """One life of ingest."""

    def __init__(self, path: Path, world: World) -> None:
        self.world = world
        self.database = CrashingDatabase(f"sqlite+aiosqlite:///{path}", world.fate)
        self.ledger = Ledger(self.database, clock=world.clock)
        self.outbox = Outbox(self.database, world, refused=self.ledger.apply, clock=world.clock)
        store = NoStore()
        self.sweeper = Sweeper(self.database, store, wake=lambda: None, clock=world.clock)  # type: ignore[arg-type]  # lists only

    async def take_fact(self, index: int) -> None:
        """Apply one fact, then ack it; it comes again when the process dies before the ack."""
        taken = self.world.facts[index % len(self.world.facts)]
        await self.ledger.apply(taken)
        self.world.fate.may_die()
        self.world.facts.remove(taken)

    async def publish(self) -> None:
        """What the outbox would do when woken."""
        for kind in KINDS:
            await self.outbox.publish_due(kind)


async def live(path: Path, world: World, seed: int) -> tuple[str, State, int]:
    """A job from its acceptance to the end, whatever dies. The job, its state, and how often ingest died."""
    chance = random.Random(seed)
    ingest = Ingest(path, world)
    job_id, deaths = "", 0
    for _ in range(MAX_STEPS):
        try:
            if not job_id:
                # As a client does that gets no answer: the same order with the same key.
                job_id = (await ingest.ledger.accept(new_job(), key="k", body_digest="d")).job_id
            snapshot = await ingest.ledger.snapshot(job_id)
            if snapshot.state.ended and not world.facts and not world.tasks:
                await ingest.publish()
                break
            await step(ingest, world, chance)
        except Died:
            deaths += 1
            await ingest.database.close()
            ingest = Ingest(path, world)
    try:
        return job_id, (await ingest.ledger.snapshot(job_id)).state, deaths
    finally:
        await ingest.database.close()


async def step(ingest: Ingest, world: World, chance: random.Random) -> None:
    """Something happens: a worker works, a fact is taken, the outbox is emptied; or time passes."""
    possible = ["publish"] + ["work"] * bool(world.tasks) * 2 + ["fact"] * bool(world.facts) * 2
    match chance.choice(possible):
        case "work":
            try:
                await world.work(chance.randrange(100))
            except Died:
                return  # only the worker: the task comes again
        case "fact":
            if chance.random() < 0.2:
                world.facts.append(chance.choice(world.facts))  # a fact that comes twice
            await ingest.take_fact(chance.randrange(100))
        case _:
            world.now += timedelta(seconds=chance.choice([0, 5, 60, 3600]))
            await ingest.publish()
            if world.now.second % 2 or not (world.tasks or world.facts):
                world.now += timedelta(hours=2)
                world.seen.clear()  # the window is two minutes
                await ingest.sweeper.publish_again()
                await ingest.publish()


@pytest.fixture(scope="module")
def empty_database() -> Iterator[Path]:
    """A file with the tables, to copy: migrating takes longer than a whole job."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"

        async def make() -> None:
            database = Database(f"sqlite+aiosqlite:///{path}")
            await database.migrate()
            async with database.read() as connection:
                await connection.exec_driver_sql("PRAGMA journal_mode")
            await database.close()

        asyncio.run(make())
        yield path


STORIES = {
    "deaths": st.lists(st.integers(1, 120), max_size=12),
    "lost": st.lists(st.integers(1, 10), max_size=2),
    "failing": st.dictionaries(st.sampled_from(TASKS), st.integers(1, 2), max_size=2),
    "seed": st.integers(0, 2**16),
}
"""When ingest or a worker dies, which publications the server loses, how often tasks fail, and the order of all."""


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**STORIES)
def test_crashes_lose_and_double_nothing(
    empty_database: Path, deaths: list[int], lost: list[int], failing: dict[str, int], seed: int
) -> None:
    survives(empty_database, deaths, lost, failing, seed)


@pytest.mark.matrix
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**STORIES)
def test_many_crashes_lose_and_double_nothing(
    empty_database: Path, deaths: list[int], lost: list[int], failing: dict[str, int], seed: int
) -> None:
    survives(empty_database, deaths, lost, failing, seed)


def survives(empty_database: Path, deaths: list[int], lost: list[int], failing: dict[str, int], seed: int) -> None:
    """Live through one story; the job is completed, and each task's effect is there once."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        shutil.copy(empty_database, path)
        world = World(Fate(deaths), lost, Counter(failing))
        job_id, state, _ = asyncio.run(live(path, world, seed))
        assert state is State.COMPLETED
        assert {task: count for task, count in world.made.items() if task in TASKS} == dict.fromkeys(TASKS, 1)
        assert max(world.made.values()) == 1, "what goes ahead is made once or not at all"
        asyncio.run(check_rows(path, job_id, failing))


async def check_rows(path: Path, job_id: str, failing: dict[str, int]) -> None:
    """Each effect stands in the ledger once."""
    database = Database(f"sqlite+aiosqlite:///{path}")
    ledger = Ledger(database)
    try:
        assert [it.job_id for it in await ledger.snapshots("local", limit=10)] == [job_id]
        rows = await ledger.events(job_id, after=0)
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        assert [row.name for row in rows].count("completed") == 1
        assert rows[-1].name == "completed"
        seen = await ledger.snapshot(job_id)
        assert seen.scenes_done == seen.scenes_total == SCENES
        async with database.read() as connection:
            tries = (
                await connection.exec_driver_sql("SELECT task, max(attempt) AS attempt FROM tasks GROUP BY task")
            ).all()
            waiting = (
                await connection.exec_driver_sql("SELECT count(*) FROM outbox WHERE sent_at IS NULL")
            ).scalar()
        attempts = {row.task: row.attempt for row in tries}
        ahead = set(attempts) - set(TASKS)
        assert {task: attempts[task] for task in TASKS} == {task: 1 + failing.get(task, 0) for task in TASKS}
        assert {attempts[task] for task in ahead} <= {1}
        assert waiting == 0
    finally:
        await database.close()


async def test_this_test_does_kill(empty_database: Path, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    shutil.copy(empty_database, path)
    world = World(Fate([2, 5, 9, 14, 20, 27]), [2], Counter())
    _, state, deaths = await live(path, world, seed=3)
    assert state is State.COMPLETED
    assert deaths >= 4
