"""Jobs over a project, on SQLite and on a real PostgreSQL: old rows are kept, scenes know what they show."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from libs.contracts.errors import Permanent
from libs.contracts.facts import StoryboardPlanned
from libs.contracts.jobs import JobKind
from libs.storyboard.takes import Form
from services.ingest import tables as t
from services.ingest.brief import Given, Wanted
from services.ingest.database import MIGRATIONS, Database
from services.ingest.ledger import Ledger
from services.ingest.projects.store import read_project, remove_rows
from tests.storyboards import shot
from tests.unit.ingest.story import TASKS, blob, done, fact, new_job, result


@pytest.fixture
async def ledger(database: Database) -> Ledger:
    """A ledger with its tables."""
    await database.migrate()
    return Ledger(database)


async def rows(database: Database, table: sa.Table) -> list[Any]:
    async with database.read() as connection:
        return list((await connection.execute(sa.select(table).order_by(*table.primary_key.columns))).all())


async def tell(ledger: Ledger, job_id: str, *keys: str) -> None:
    for key in keys:
        await ledger.apply(msgspec.structs.replace(done(key), job_id=job_id))


async def test_a_filled_ledger_of_the_second_version_is_brought_up_to_date(bare: Database) -> None:
    def upgrade(connection: sa.Connection, to: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, to)

    async with bare.write() as connection:
        await connection.run_sync(upgrade, "0002")
        for table, values in {
            "projects": "'p1', 'local', 'a song', '{}', null, null, 1.5, null, null, '2026-11-01 10:00:00+00:00'",
            "jobs": "'j1', 'p1', 'local', 'full', '{}', '[]', 1, 'completed', 1, 1, '',"
            " '2026-11-01 10:00:00+00:00', '2026-11-01 10:00:00+00:00'",
        }.items():
            await connection.execute(sa.text(f"INSERT INTO {table} VALUES ({values})"))
    await bare.migrate()
    async with bare.read() as connection:
        found = (await connection.execute(sa.text("SELECT id, project_id, caption, client_run FROM jobs"))).all()
        kept = (await connection.execute(sa.text("SELECT id, song, title, version FROM projects"))).all()
    assert [tuple(row) for row in found] == [("j1", "p1", "", "")]
    assert [tuple(row) for row in kept] == [("p1", "{}", "", 1)]
    with pytest.raises(sa.exc.IntegrityError):
        async with bare.write() as connection:
            await connection.execute(sa.text("DELETE FROM projects"))


async def test_scenes_show_the_takes_that_were_made_for_them(ledger: Ledger, database: Database) -> None:
    job_id = (await ledger.accept(new_job())).job_id
    await tell(ledger, job_id, *TASKS)
    scenes, takes = await rows(database, t.scenes), await rows(database, t.takes)
    assert [(scene.scene_id, scene.take_id) for scene in scenes] == [(take.scene_id, take.id) for take in takes]
    assert [take.shot for take in takes] == [shot(number) for number in (1, 2, 3)]
    assert {(take.analysis, take.form) for take in takes} == {
        (blob("analysis"), Form(fps="30", width=320, height=180))
    }


async def test_more_takes_leave_what_was_chosen_and_touch_no_other_scene(
    ledger: Ledger, database: Database
) -> None:
    first = (await ledger.accept(new_job())).job_id
    await tell(ledger, first, *TASKS)
    before = await rows(database, t.scenes)
    project = (await ledger.snapshot(first)).project_id
    made = {key: result(key) for key in TASKS if key.split(".")[0] in ("analyze", "plan", "animate")}
    wanted = {"animate.s002.1": Wanted(shot=shot(2)), "animate.s002.2": Wanted(shot=shot(2))}
    order = msgspec.structs.replace(
        new_job(), kind="takes", project_id=project, given=Given(made=made, takes=wanted)
    )
    second = (await ledger.accept(order)).job_id
    await tell(ledger, second, *wanted)
    assert (await ledger.snapshot(second)).state == "completed"
    assert await rows(database, t.scenes) == before
    takes = await rows(database, t.takes)
    assert [take.scene_id for take in takes] == ["s001", "s002", "s003", "s002", "s002"]
    assert len(await rows(database, t.projects)) == 1


async def test_a_take_that_is_to_be_shown_is_shown(ledger: Ledger, database: Database) -> None:
    first = (await ledger.accept(new_job())).job_id
    await tell(ledger, first, *TASKS)
    project = (await ledger.snapshot(first)).project_id
    new = msgspec.structs.replace(shot(2), scene=msgspec.structs.replace(shot(2).scene, prompt="another"))
    async with database.write() as connection:
        await connection.execute(sa.update(t.scenes).where(t.scenes.c.scene_id == "s002").values(shot=new))
    given = Given(made={}, takes={"animate.s002.1": Wanted(shot=new, show=True)})
    made = {"analyze": result("analyze"), "plan": result("plan")}
    order = msgspec.structs.replace(
        new_job(), kind="takes", project_id=project, given=msgspec.structs.replace(given, made=made)
    )
    second = (await ledger.accept(order)).job_id
    await tell(ledger, second, "animate.s002.1")
    newest = (await rows(database, t.takes))[-1]
    assert [scene.take_id for scene in await rows(database, t.scenes)][1] == newest.id
    assert newest.shot == new


async def test_what_a_person_has_edited_is_planned_anew_only_when_asked(ledger: Ledger, database: Database) -> None:
    first = (await ledger.accept(new_job())).job_id
    await tell(ledger, first, "analyze", "plan")
    project = (await ledger.snapshot(first)).project_id
    async with database.write() as connection:
        await connection.execute(sa.update(t.projects).values(version=2))
    for kind, scenes in (("full", 3), ("storyboard", 2)):
        order = msgspec.structs.replace(new_job(), kind=kind, project_id=project)
        job_id = (await ledger.accept(order)).job_id
        planned = result("plan", scenes=2, make=" anew")
        assert isinstance(planned, StoryboardPlanned)
        await tell(ledger, job_id, "analyze")
        await ledger.apply(msgspec.structs.replace(fact("plan", planned), job_id=job_id))
        assert len(await rows(database, t.scenes)) == scenes
    assert [row.version for row in await rows(database, t.projects)] == [4]


async def an_order(
    ledger: Ledger, project: str, kind: JobKind = "takes", wanted: dict[str, Wanted] | None = None
) -> str:
    """A job over a project that has its storyboard."""
    made = {key: result(key) for key in ("analyze", "plan")} if kind != "storyboard" else {}
    given = Given(made=made, takes=wanted or {})
    order = msgspec.structs.replace(new_job(), kind=kind, project_id=project, given=given)
    return (await ledger.accept(order)).job_id


async def shown(database: Database, scene_id: str) -> str | None:
    """The job that has made what the scene shows."""
    query = sa.select(t.takes.c.job_id).join(t.scenes, t.scenes.c.take_id == t.takes.c.id)
    async with database.read() as connection:
        row = (await connection.execute(query.where(t.scenes.c.scene_id == scene_id))).one_or_none()
    return row.job_id if row is not None else None


async def test_the_take_that_was_ordered_last_is_shown_whichever_comes_first(
    ledger: Ledger, database: Database
) -> None:
    first = (await ledger.accept(new_job())).job_id
    await tell(ledger, first, *TASKS)
    project = (await ledger.snapshot(first)).project_id
    wanted = {"animate.s002.1": Wanted(shot=shot(2), show=True)}
    sooner = await an_order(ledger, project, wanted=wanted)
    await asyncio.sleep(0.002)  # ids grow by the millisecond
    later = await an_order(ledger, project, wanted=wanted)
    await tell(ledger, later, *wanted)
    await tell(ledger, sooner, *wanted)
    assert await shown(database, "s002") == later


@pytest.mark.parametrize("kind", ["takes", "full"])
async def test_a_retry_leaves_what_was_chosen_since(ledger: Ledger, database: Database, kind: JobKind) -> None:
    first = (await ledger.accept(new_job())).job_id
    await tell(ledger, first, *TASKS)
    project = (await ledger.snapshot(first)).project_id
    key = "animate.s002.1" if kind == "takes" else "animate.s002"
    second = await an_order(
        ledger, project, kind, {key: Wanted(shot=shot(2), show=True)} if kind == "takes" else {}
    )
    await ledger.cancel(second)
    async with database.write() as connection:
        here = sa.update(t.scenes).where(t.scenes.c.scene_id == "s002")
        await connection.execute(here.values(chosen_at=datetime.now(UTC)))
    assert await ledger.retry(second) == 2
    await ledger.apply(msgspec.structs.replace(done(key), job_id=second, run=2))
    assert await shown(database, "s002") == first
    assert len(await rows(database, t.takes)) == 4


async def test_a_storyboard_is_not_planned_again_over_later_edits(ledger: Ledger, database: Database) -> None:
    first = (await ledger.accept(new_job())).job_id
    await tell(ledger, first, *TASKS)
    project = (await ledger.snapshot(first)).project_id
    second = await an_order(ledger, project, "storyboard")
    await ledger.cancel(second)
    assert await ledger.retry(second) == 2  # nothing was edited
    other = await an_order(ledger, project, "storyboard")
    await ledger.cancel(second)
    with pytest.raises(Permanent, match="project_busy"):
        await ledger.retry(second)
    await ledger.cancel(other)
    async with database.write() as connection:
        await connection.execute(sa.update(t.projects).values(storyboard=blob("edited")))
    with pytest.raises(Permanent, match="job_outdated"):
        await ledger.retry(second)
    assert [row.storyboard for row in await rows(database, t.projects)] == [blob("edited")]


async def test_a_job_over_another_song_is_not_done_again(ledger: Ledger, database: Database) -> None:
    first = (await ledger.accept(new_job())).job_id
    await tell(ledger, first, *TASKS)
    project = (await ledger.snapshot(first)).project_id
    second = await an_order(ledger, project, "export")
    await ledger.cancel(second)
    async with database.write() as connection:
        await connection.execute(sa.update(t.projects).values(song=blob("another"), storyboard=None))
    with pytest.raises(Permanent, match="job_outdated"):
        await ledger.retry(second)


async def test_an_order_over_a_project_that_is_gone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Permanent, match="project_not_found"):
        await an_order(ledger, "0" * 32)


async def test_a_picture_that_a_take_is_made_of_is_kept(ledger: Ledger, database: Database) -> None:
    first = (await ledger.accept(new_job())).job_id
    await tell(ledger, first, *TASKS)
    project = (await ledger.snapshot(first)).project_id
    own = {"animate.s002.1": Wanted(shot=shot(2), image=blob("own picture"), show=True)}
    await an_order(ledger, project, wanted=own)
    assert blob("own picture").sha256 in {row.sha256 for row in await rows(database, t.references)}


async def test_an_order_over_a_project_that_is_just_removed_finds_none(postgres_url: str) -> None:
    database = Database(postgres_url)
    await database.migrate()
    ledger = Ledger(database)
    try:
        first = (await ledger.accept(new_job())).job_id
        await ledger.cancel(first)
        project_id = (await ledger.snapshot(first)).project_id
        async with database.write() as connection:
            await read_project(connection, "local", project_id, lock=True)
            await remove_rows(connection, project_id)
            late = asyncio.create_task(ledger.apply(msgspec.structs.replace(done("analyze"), job_id=first)))
            order = asyncio.create_task(ledger.accept(msgspec.structs.replace(new_job(), project_id=project_id)))
            await asyncio.sleep(0.2)
        await late
        with pytest.raises(Permanent, match="project_not_found"):
            await order
    finally:
        await database.close()
