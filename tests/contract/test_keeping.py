"""What is kept and what goes, over weeks: on SQLite with a folder, and on PostgreSQL with a real S3 server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from libs.artifacts import ArtifactStore, open_store
from libs.artifacts.results import Made, find_or_make
from libs.contracts.artifacts import result_key
from libs.contracts.errors import Permanent
from libs.contracts.facts import Usage
from libs.contracts.tasks import Notify, Task
from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.garbage import remove_garbage
from services.ingest.ids import new_id
from services.ingest.keeping.quota import Quota, taken
from services.ingest.keeping.references import GRACE
from services.ingest.keeping.retention import Passed, Retention
from services.ingest.keeping.rules import Keeping
from services.ingest.ledger import Ledger
from services.ingest.projects.store import Projects
from services.ingest.projects.tables import project_events
from services.ingest.uploads import records
from services.ingest.uploads.records import Upload
from services.ingest.webhooks.records import Standing
from tests.unit.ingest.story import SONG, TASKS, blob, done, new_job, result

KEEPING = Keeping(uploads=timedelta(days=30), outputs=timedelta(days=14))
OUTPUTS = ("video", "report", "poster", "sheet")
CLIPS = tuple(f"clip s00{number}" for number in (1, 2, 3))
FILES = ("song", "analysis", "board", *CLIPS, *OUTPUTS)
TOLD = "output_expiring"
WARNED, LET_GO = Passed(warned=1), Passed(let_go=len(OUTPUTS))


class House:
    """A ledger, a store, and a clock that the test moves."""

    def __init__(self, database: Database, store: ArtifactStore) -> None:
        self.database = database
        self.store = store
        self.now = datetime.now(UTC)
        self.ledger = Ledger(database, clock=lambda: self.now)
        self.projects = Projects(database, clock=lambda: self.now)
        self.retention = Retention(
            database, KEEPING, clock=lambda: self.now, standing=Standing(url="https://example.org/hook")
        )

    async def video(self) -> str:
        """Make a video; its job."""
        await self.put(*FILES)
        job_id = (await self.ledger.accept(new_job())).job_id
        await self.make(job_id)
        return job_id

    async def make(self, job_id: str, run: int = 1) -> None:
        """What workers do for a run."""
        for task in TASKS:
            await self.ledger.apply(done(task, job_id=job_id, run=run))

    async def put(self, *names: str) -> None:
        """Store files whose bytes are their names."""
        for name in names:
            await self.store.put_bytes(name.encode(), "text/plain")

    async def pass_days(self, days: float) -> Passed:
        """Let time pass, and look then."""
        self.now += timedelta(days=days)
        return await self.retention.run()

    async def clean(self) -> set[str]:
        """Remove the garbage of an hour later; the names of the files that stay."""
        self.now += timedelta(hours=1, seconds=1)
        await remove_garbage(self.database, self.store, self.now)
        return {name for name in FILES if await self.store.has(blob(name).key)}

    async def rows(self, query: sa.Select[Any]) -> list[Any]:
        """What is in the ledger."""
        async with self.database.read() as connection:
            return list(await connection.execute(query))

    async def told(self) -> list[str]:
        """The events of projects and the webhooks that speak of what will go."""
        events = await self.rows(sa.select(project_events.c.name).where(project_events.c.name == TOLD))
        messages = await self.rows(sa.select(t.outbox.c.message).where(t.outbox.c.kind == "task"))
        bodies = [msgspec.json.decode(row.message, type=Task).body for row in messages]
        hooks = [body.event for body in bodies if isinstance(body, Notify) and body.event == TOLD]
        return [*(row.name for row in events), *hooks]

    async def project_of(self, job_id: str) -> str:
        """The project of a job."""
        return (await self.ledger.snapshot(job_id)).project_id


@pytest.fixture(params=["one machine", "cluster"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """Empty."""
    if request.param == "cluster":
        server = request.getfixturevalue("s3_server")
        made, store = Database(request.getfixturevalue("postgres_url")), open_store(server.url(server.new_bucket()))
    else:
        made, store = Database(f"sqlite+aiosqlite:///{tmp_path}/ledger.db"), open_store(f"file://{tmp_path}/store")
    await made.migrate()
    yield House(made, store)
    await made.close()


async def test_a_video_goes_two_days_after_its_warning_and_the_rest_stays(house: House) -> None:
    job_id = await house.video()
    assert await house.pass_days(11.9) == Passed()
    assert await house.pass_days(0.2) == WARNED
    assert await house.retention.run() == Passed(), "told once"
    assert await house.told() == [TOLD, TOLD], "an event and a webhook"
    assert await house.pass_days(1.8) == Passed()
    assert await house.clean() == set(FILES)
    name = f"output/{job_id}/manifest.json"
    await house.store.put_at(name, Path(__file__), "text/plain")
    assert await house.pass_days(0.3) == LET_GO
    await remove_garbage(house.database, house.store, house.now)
    assert await house.store.has(blob("video").key), "who has just found it may still refer to it"
    house.now += timedelta(days=1)
    assert await house.clean() == set(FILES) - set(OUTPUTS)
    assert not await house.store.has(name)

    assert await house.ledger.retry(job_id) == 2
    await house.put(*OUTPUTS)
    await house.make(job_id, run=2)
    assert await house.pass_days(11.9) == Passed(), "it is as new"
    assert await house.clean() == set(FILES)


async def test_files_that_were_sent_go_after_the_last_use_and_orders_say_so(house: House) -> None:
    job_id = await house.video()
    project_id = await house.project_of(job_id)
    await house.pass_days(20)
    await house.pass_days(2.5)
    await house.projects.change("local", project_id, 1, {"title": "again"})
    await house.pass_days(20)
    await house.projects.get("local", project_id)
    await house.pass_days(29)
    assert "song" in await house.clean()
    assert await house.pass_days(1) == Passed(let_go=1)
    assert await house.clean() == {"analysis", "board", *CLIPS}
    with pytest.raises(Permanent) as gone:
        await house.ledger.retry(job_id)
    assert gone.value.code == "gone"
    assert "PATCH" in gone.value.hint
    await house.put("song")
    await house.projects.change("local", project_id, 2, {"song": SONG})
    assert await house.ledger.retry(job_id) == 2
    assert "song" in await house.clean()


async def test_nothing_goes_that_a_running_job_needs_nor_when_the_clock_goes_wrong(house: House) -> None:
    await house.put(*FILES)
    job_id = (await house.ledger.accept(new_job())).job_id
    assert await house.pass_days(90) == Passed()
    assert await house.clean() == {"song"}
    await house.put(*FILES)
    await house.make(job_id)
    assert await house.pass_days(-200) == Passed()
    assert await house.pass_days(212.5) == WARNED
    assert await house.pass_days(-10) == Passed()
    assert await house.clean() >= {"song", *OUTPUTS, *CLIPS}
    assert await house.pass_days(11.9) == Passed()
    assert await house.pass_days(0.2) == LET_GO


async def test_an_order_at_the_very_moment_either_has_its_files_or_is_refused(house: House) -> None:
    orders = {await house.video() for _ in range(6)}
    house.now += timedelta(days=31)
    c = t.references.c

    async def again(job_id: str) -> bool:
        await asyncio.sleep(0.005 * int(job_id[-1], 16))
        house.now += GRACE  # too late to take them back
        try:
            await house.ledger.retry(job_id)
        except Permanent as error:
            assert error.code == "gone"
            return False
        return True

    passes = asyncio.gather(house.retention.run(), house.retention.run())
    ran = dict(zip(orders, await asyncio.gather(*map(again, orders)), strict=True))
    await passes
    for job_id, has_files in ran.items():
        mine = (c.project_id == await house.project_of(job_id)) & (c.reason == "source")
        (song,) = await house.rows(sa.select(c.let_go_at).where(mine))
        assert (song.let_go_at is None) == has_files


async def test_a_death_in_the_middle_tells_nothing_twice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        await house.video()
    transact, left = house.database.transact, [1]

    async def dies(work: Any) -> Any:
        async def halfway(connection: Any) -> Any:
            found = await work(connection)
            if not left[0]:
                raise SystemError("killed before the commit")
            left[0] -= 1
            return found

        return await transact(halfway)

    monkeypatch.setattr(house.database, "transact", dies)
    with pytest.raises(SystemError):
        await house.pass_days(13)
    assert len(await house.told()) == 2
    monkeypatch.undo()
    assert await house.retention.run() == Passed(warned=2)
    assert len(await house.told()) == 6
    assert await house.pass_days(2) == Passed(let_go=3 * len(OUTPUTS))


async def test_a_clip_of_a_project_that_is_gone_waits_a_week(house: House) -> None:
    async def make() -> Made:
        await house.put("clip s001")
        return Made([result("animate.s001")], Usage())

    key = result_key("animate", "1", "local", {})
    await find_or_make(house.store, key, make)
    await house.put("analysis")
    house.now += timedelta(days=6.9)
    assert await house.clean() == {"clip s001"}
    assert await house.store.has(key)
    house.now += timedelta(hours=2)
    assert await house.clean() == set()
    assert not await house.store.has(key)


def file(owner: str, name: str, size: int, now: datetime) -> Upload:
    """A ready upload."""
    return Upload(
        id=new_id(),
        owner=owner,
        kind="image",
        status="ready",
        name=name,
        size=size,
        media_type="image/png",
        sha256=blob(name).sha256,
        created_at=now,
        expires_at=now + timedelta(days=1),
    )


async def test_of_two_uploads_at_the_quota_one_is_refused(house: House) -> None:
    quota = Quota(100)

    async def send(name: str, owner: str = "ada", size: int = 40) -> str:
        try:
            await records.insert(house.database, file(owner, name, size, house.now), quota=quota)
        except Permanent as error:
            return error.code
        return "taken"

    assert await send("a") == "taken"
    raced = await asyncio.gather(*(send(name) for name in "bcdefg"))
    assert sorted(raced) == ["quota_exceeded"] * 5 + ["taken"]
    assert await send("a") == "taken", "the same bytes count once"
    assert await send("h", owner="grace") == "taken"
    assert await send("i", size=20) == "taken"
    house.now += timedelta(days=1)
    assert await send("j", size=100) == "taken", "the others have expired"


async def test_what_files_take_is_told_by_kind_and_orders_are_refused_at_the_quota(house: House) -> None:
    job_id = await house.video()
    await records.insert(house.database, file("local", "waits", 5, house.now), file("local", "song", 4, house.now))
    async with house.database.read() as connection:
        found = {one.reason: (one.files, one.size) for one in await taken(connection, "local", house.now)}
    clips, outputs = sum(map(len, CLIPS)), sum(map(len, OUTPUTS))
    known = {"source": (1, 4), "work": (2, 13), "take": (3, clips), "output": (4, outputs), None: (1, 5)}
    assert found == known
    full = sum(size for _, size in known.values())
    ledger = Ledger(house.database, clock=lambda: house.now, quota=Quota(full))
    assert (await ledger.accept(new_job())).created, "it brings nothing new"
    more = msgspec.structs.replace(new_job(), image=blob("a picture"))
    with pytest.raises(Permanent, match="quota_exceeded"):
        await ledger.accept(more)
    await house.pass_days(12)
    await house.pass_days(2)
    assert (await ledger.accept(more)).created, "the video was let go"
    await ledger.retry(job_id)
