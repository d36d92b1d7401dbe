"""Storyboards edited through the ledger, on SQLite and on a real PostgreSQL: on a version, takes left alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import sqlalchemy as sa

from libs.artifacts import ArtifactStore, open_store
from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import Blob
from libs.contracts.characters import Bible
from libs.contracts.errors import BeatloomError, Permanent
from libs.contracts.facts import Fact, StoryboardPlanned, TakeRendered, TrackAnalyzed, WorkFact
from libs.contracts.projects import ProjectSettings
from libs.contracts.storyboard import Clip, Storyboard
from libs.contracts.tasks import Animate
from libs.storyboard.cuts import merge, move_cut, split
from libs.storyboard.grid import Shift, Tap
from libs.storyboard.scene_edit import SceneEdit, edit_scene
from libs.storyboard.shots import make_shots
from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.projects.characters import Characters
from services.ingest.projects.editing import Editing
from services.ingest.projects.opened import Documents, Opened, takes_that_fit
from services.ingest.projects.orders import Orders, Wish
from services.ingest.projects.records import NewProject
from services.ingest.projects.store import Projects
from services.ingest.projects.takes import Takes
from tests.storyboards import storyboard
from tests.unit.ingest.story import NOW, new_job
from tests.unit.storyboard.boards import beaten

SCENES = 6


class Desk(NamedTuple):
    """A project whose six scenes of five seconds have each a take."""

    database: Database
    other: Database
    """Of another process."""
    ledger: Ledger
    store: ArtifactStore
    project_id: str

    @property
    def editing(self) -> Editing:
        """As one request has it."""
        return self.client(self.database)

    def client(self, database: Database) -> Editing:
        """The same, of a process with this connection."""
        return Editing(database, Documents(self.store), "local", self.project_id)

    def takes(self, scene_id: str) -> Takes:
        """Those of a scene."""
        return Takes(self.editing, self.ledger, scene_id)

    async def rows(self, table: sa.Table) -> list[Any]:
        """All rows of a table."""
        async with self.database.read() as connection:
            return list((await connection.execute(sa.select(table).order_by(*table.primary_key.columns))).all())

    async def shown(self) -> dict[str, int]:
        """The take of each scene."""
        return {row.scene_id: row.take_id for row in await self.rows(t.scenes)}

    async def stale(self) -> dict[str, tuple[str, ...]]:
        """The scenes whose takes are stale, and why."""
        found = await self.editing.scenes()
        why = {scene_id: found.stale[row.id] for scene_id, row in found.shown.items()}
        return {scene_id: reasons for scene_id, reasons in why.items() if reasons}

    async def due(self, job_id: str) -> dict[str, Animate]:
        """What a job has ordered to be drawn."""
        bodies = [msgspec.json.decode(row.message) for row in await self.rows(t.tasks) if row.job_id == job_id]
        return {one["task"]: msgspec.convert(one["body"], Animate) for one in bodies if "animate" in one["task"]}

    async def happens(self, job_id: str, task: str, body: WorkFact) -> None:
        """The ledger hears of it."""
        await self.ledger.apply(Fact(job_id=job_id, run=1, task=task, attempt=1, at=NOW, body=body))

    async def render(self, job_id: str, name: str, order: Animate) -> None:
        """A clip of an order, whose bytes are made of what was asked for."""
        blob = await self.store.put_bytes(msgspec.json.encode(order.shot), "video/mp4")
        shot = order.shot
        clip = Clip(scene_id=shot.scene.id, lead=shot.lead, frames=shot.frames, blob=blob)
        await self.happens(job_id, name, TakeRendered(clip=clip, backend="builtin", seed=shot.scene.seed))


BOTH = pytest.mark.parametrize("desk", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    url = f"sqlite+aiosqlite:///{tmp_path}/ledger.db"
    if getattr(request, "param", "sqlite") == "postgresql":
        url = request.getfixturevalue("postgres_url")
    database, other = Database(url), Database(url)
    await database.migrate()
    ledger, store = Ledger(database), open_store(f"file://{tmp_path}/artifacts")
    job_id = (await ledger.accept(new_job())).job_id
    made = Desk(database, other, ledger, store, (await ledger.snapshot(job_id)).project_id)
    heard = beaten(30.0)
    analysis = await store.put_bytes(msgspec.json.encode(heard), "application/json")
    await made.happens(job_id, "analyze", TrackAnalyzed(analysis=analysis, duration=30.0, bpm=120.0, sections=1))
    board = storyboard([150] * SCENES, [0] * SCENES)
    planned = StoryboardPlanned(
        storyboard=await store.put_bytes(msgspec.json.encode(board), "application/json"),
        fps=board.fps,
        frames=board.frames,
        width=board.width,
        height=board.height,
        shots=make_shots(board.scenes),
    )
    await made.happens(job_id, "plan", planned)
    for name, order in (await made.due(job_id)).items():
        await made.render(job_id, name, order)
    yield made
    await database.close()
    await other.close()


def prompting(scene_id: str, prompt: str) -> Any:
    return lambda at: edit_scene(at.board, scene_id, SceneEdit(prompt=prompt))


async def refusal(work: Any) -> str:
    with pytest.raises(BeatloomError) as refused:
        await work
    return refused.value.code


@BOTH
async def test_two_clients_edit_at_once_and_one_is_told(desk: Desk) -> None:
    before = await desk.editing.read()
    clients = [desk.client((desk.database, desk.other)[n % 2]) for n in range(6)]
    works = [client.change(1, prompting(f"s00{n}", f"by {n}")) for n, client in enumerate(clients)]
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    done = [one for one in outcomes if isinstance(one, Opened)]
    told = [one for one in outcomes if isinstance(one, Permanent)]
    assert (len(done), {one.code for one in told}, len(told)) == (1, {"version_conflict"}, 5)
    after = await desk.editing.read()
    changed = [new for new, old in zip(after.board.scenes, before.board.scenes, strict=True) if new != old]
    assert [scene.prompt for scene in changed] == [f"by {int(changed[0].id[1:])}"]
    assert after.project.version == 2
    assert after.board == done[0].board


async def test_an_edit_says_the_version_that_it_is_based_on(desk: Desk) -> None:
    assert (await desk.editing.change(1, prompting("s001", "rain"))).project.version == 2
    assert await refusal(desk.editing.change(1, prompting("s001", "snow"))) == "version_conflict"
    assert (await desk.editing.change(2, prompting("s001", "rain"))).project.version == 2, "nothing has changed"
    assert await refusal(desk.takes("s001").generate(1, 1)) == "version_conflict"
    assert await refusal(desk.takes("s001").select(1, 1)) == "version_conflict"
    assert await refusal(desk.takes("s001").score(1, 1, {})) == "version_conflict"
    assert await refusal(Editing(desk.database, Documents(desk.store), "else", desk.project_id).read()) == (
        "project_not_found"
    )


@BOTH
async def test_redoing_a_scene_touches_no_other(desk: Desk) -> None:
    takes, shown = await desk.rows(t.takes), await desk.shown()
    files = {row.clip.sha256: await desk.store.get_bytes(row.clip.key) for row in takes}
    at = await desk.editing.change(1, prompting("s002", "rain"))
    assert await desk.stale() == {"s002": ("words",)}
    job_id = (await desk.takes("s002").generate(at.project.version, 1)).job_id
    due = await desk.due(job_id)
    assert list(due) == ["animate.s002.1"]
    assert due["animate.s002.1"].shot.scene.prompt == "rain"
    await desk.render(job_id, *next(iter(due.items())))
    assert (await desk.ledger.snapshot(job_id)).state == "completed"
    assert await desk.stale() == {}
    assert (await desk.rows(t.takes))[:SCENES] == takes
    assert {sha: await desk.store.get_bytes(f"blob/{sha}") for sha in files} == files
    now = await desk.shown()
    assert {scene: take for scene, take in now.items() if shown[scene] != take} == {"s002": takes[-1].id + 1}


@BOTH
async def test_a_corrected_grid_makes_three_scenes_stale_and_three_are_made_again(desk: Desk) -> None:
    taps = Tap(times=[5.25 + i / 2 for i in range(29)])
    at = await desk.editing.correct_grid(1, taps, "stay")
    assert await desk.stale() == dict.fromkeys(("s001", "s002", "s003"), ("music",))
    assert at.project.version == 2
    ordered = []
    for scene_id in await desk.stale():
        job_id = (await desk.takes(scene_id).generate(2, 1)).job_id
        for name, order in (await desk.due(job_id)).items():
            assert order.analysis == at.analysis_blob
            ordered.append(name)
            await desk.render(job_id, name, order)
    assert ordered == ["animate.s001.1", "animate.s002.1", "animate.s003.1"]
    assert await desk.stale() == {}
    found = await desk.editing.scenes()
    fits = takes_that_fit(found.at, found.shown, found.stale, fresh=True)
    assert set(fits) == {f"animate.s00{n}" for n in range(SCENES)}


async def test_cuts_follow_a_grid_that_is_shifted(desk: Desk) -> None:
    at = await desk.editing.correct_grid(1, Shift(ms=100), "follow")
    assert [scene.start_frame for scene in at.board.scenes] == [0, 153, 303, 453, 603, 753]
    assert len(await desk.stale()) == SCENES


async def test_a_moved_cut_makes_one_clip_too_short(desk: Desk) -> None:
    await desk.editing.change(1, lambda at: move_cut(at.board, "s003", 440, None))
    assert await desk.stale() == {"s003": ("span",)}
    found = await desk.editing.scenes()
    fits = takes_that_fit(found.at, found.shown, found.stale, fresh=False)
    assert "animate.s003" not in fits
    assert (fits["animate.s002"].clip.lead, fits["animate.s002"].clip.frames) == (0, 150)


@BOTH
async def test_a_split_scene_shows_one_take_twice(desk: Desk) -> None:
    await desk.editing.change(1, lambda at: split(at.board, "s001", 210, None), split_of="s001")
    shown = await desk.shown()
    assert shown["s006"] == shown["s001"]
    assert await desk.stale() == {}
    found = await desk.editing.scenes()
    fits = takes_that_fit(found.at, found.shown, found.stale, fresh=True)
    assert (fits["animate.s006"].clip.scene_id, fits["animate.s006"].clip.lead) == ("s006", 60)
    page = await desk.takes("s006").page(limit=10)
    assert [row.id for row in page.rows] == [shown["s001"]]
    await desk.editing.change(2, lambda at: merge(at.board, "s001"))
    assert "s006" not in await desk.shown()
    assert await refusal(desk.takes("s006").page(limit=10)) == "scene_not_found"


@BOTH
async def test_several_takes_have_seeds_of_their_own_and_one_is_chosen(desk: Desk) -> None:
    takes = desk.takes("s001")
    job_id = (await takes.generate(1, 3)).job_id
    due = await desk.due(job_id)
    seeds = {order.shot.scene.seed for order in due.values()}
    assert len(seeds) == 3
    assert 1 not in seeds, "that one is there"
    shown = await desk.shown()
    for name, order in due.items():
        await desk.render(job_id, name, order)
    assert await desk.shown() == shown, "what is current stays"
    page = await takes.page(limit=10)
    assert len(page.rows) == 4
    assert not any(page.stale.values())
    newest = page.rows[0].id
    assert await takes.select(1, newest) == 2
    assert (await desk.shown())["s001"] == newest
    assert await refusal(takes.select(2, shown["s002"])) == "take_not_found"
    older = await takes.page(limit=2, before=page.rows[1].id)
    assert [row.id for row in older.rows] == [row.id for row in page.rows[2:]]


async def test_a_remix_has_the_takes_seed_and_the_new_prompt(desk: Desk) -> None:
    take_id = (await desk.shown())["s004"]
    job_id = (await desk.takes("s004").remix(1, take_id, "snow")).job_id
    (order,) = (await desk.due(job_id)).values()
    assert (order.shot.scene.prompt, order.shot.scene.seed) == ("snow", 4)
    await desk.render(job_id, "animate.s004.1", order)
    assert (await desk.shown())["s004"] > take_id
    at = await desk.editing.read()
    assert (at.project.version, at.board.scenes[4].prompt) == (2, "snow")
    assert await desk.stale() == {}


async def test_the_users_own_picture_and_clip_are_never_stale_by_words(desk: Desk) -> None:
    own = await desk.store.put_bytes(b"picture", "image/png")
    job_id = (await desk.takes("s001").replace(1, image=own)).job_id
    (order,) = (await desk.due(job_id)).values()
    assert (order.image, order.shot.scene.look) == (own, "film")
    await desk.render(job_id, "animate.s001.1", order)
    page = await desk.takes("s001").page(limit=1)
    assert (page.rows[0].origin, page.rows[0].id) == ("own", (await desk.shown())["s001"])
    await desk.editing.change(1, prompting("s001", "rain"))
    assert await desk.stale() == {}
    clip = Blob(sha256="c" * 64, size=4, media_type="video/mp4")
    job_id = (await desk.takes("s002").replace(2, clip=clip)).job_id
    assert [order.clip for order in (await desk.due(job_id)).values()] == [clip]


@pytest.mark.parametrize("kind", ["video", "export"])
async def test_the_users_own_is_fitted_again_when_its_scene_grows(desk: Desk, kind: str) -> None:
    own = await desk.store.put_bytes(b"picture", "image/png")
    clip = Blob(sha256="c" * 64, size=4, media_type="video/mp4")
    for scene in ("s003", "s005"):
        takes = desk.takes(scene)
        job_id = (await (takes.replace(1, image=own) if scene == "s003" else takes.replace(1, clip=clip))).job_id
        (order,) = (await desk.due(job_id)).values()
        await desk.render(job_id, f"animate.{scene}.1", order)
    shown = await desk.shown()
    await desk.editing.change(1, lambda at: move_cut(at.board, "s003", 440, None))
    await desk.editing.change(2, lambda at: move_cut(at.board, "s005", 740, None))
    orders = Orders(desk.editing, desk.ledger)
    for again in (1, 2):
        accepted = await (orders.video(Wish()) if kind == "video" else orders.export(Wish()))
        due = await desk.due(accepted.job_id)
        if again == 2:
            assert due == {}
            break
        assert set(due) == {"animate.s003", "animate.s005"}
        assert (due["animate.s003"].image, due["animate.s003"].shot.scene.look) == (own, "film")
        assert due["animate.s005"].clip == clip
        assert {order.shot.frames for order in due.values()} == {160}
        for name, order in due.items():
            await desk.render(accepted.job_id, name, order)
    now = await desk.shown()
    assert {scene for scene in now if now[scene] != shown[scene]} == {"s003", "s005"}
    assert [row.own for row in await desk.rows(t.takes) if row.id in (now["s003"], now["s005"])] == [True, True]


async def test_who_is_seen_and_how_makes_a_take_stale(desk: Desk) -> None:
    people = Characters(desk.database, "local", desk.project_id)
    ann, _ = await people.add(1, {"name": "Ann"})
    seen = SceneEdit(characters=(ann.id,))
    at = await desk.editing.change(2, lambda at: edit_scene(at.board, "s001", seen))
    assert await desk.stale() == {"s001": ("words",)}
    job_id = (await desk.takes("s001").generate(at.project.version, 1)).job_id
    (order,) = (await desk.due(job_id)).values()
    assert order.shot.scene.prompt.startswith("Ann")
    await desk.render(job_id, "animate.s001.1", order)
    assert await desk.stale() == {}
    picture = await desk.store.put_bytes(b"ann", "image/png")
    await people.change(ann.id, 3, {"picture": picture})
    assert await desk.stale() == {"s001": ("form",)}
    await people.change(ann.id, 4, {"bible": Bible(wardrobe_lock="a red coat")})
    assert await desk.stale() == {"s001": ("words", "form")}


@BOTH
async def test_scores_are_kept(desk: Desk) -> None:
    take_id = (await desk.shown())["s001"]
    await desk.takes("s001").score(1, take_id, {"user_score": 0.5, "quality_score": 1.0})
    await desk.takes("s001").score(1, take_id, {"user_score": 0.25})
    (row,) = (await desk.takes("s001").one(take_id)).rows
    assert (row.quality_score, row.user_score, row.mouth_visibility) == (1.0, 0.25, None)
    assert await refusal(desk.takes("s001").score(1, 999, {"user_score": 1.0})) == "take_not_found"


async def test_a_locked_scene_is_made_no_more(desk: Desk) -> None:
    await desk.editing.change(1, lambda at: edit_scene(at.board, "s001", SceneEdit(locked=True)))
    takes, take_id = desk.takes("s001"), (await desk.shown())["s001"]
    for work in (takes.generate(2, 1), takes.remix(2, take_id, "x"), takes.select(2, take_id), takes.replace(2)):
        assert await refusal(work) == "scene_locked"


@BOTH
async def test_nothing_is_edited_while_it_is_planned_anew(desk: Desk) -> None:
    orders = Orders(desk.editing, desk.ledger)
    planned = await orders.storyboard(1, Wish(), key="once", digest="same")
    assert await refusal(desk.editing.change(1, prompting("s001", "rain"))) == "version_conflict"
    assert await refusal(desk.editing.change(2, prompting("s001", "rain"))) == "project_busy"
    assert await refusal(desk.takes("s001").generate(2, 1)) == "project_busy"
    assert await refusal(orders.storyboard(2, Wish())) == "project_busy"
    assert (await orders.storyboard(1, Wish(), key="once", digest="same")).job_id == planned.job_id


async def test_locked_scenes_are_not_planned_away(desk: Desk) -> None:
    await desk.editing.change(1, lambda at: edit_scene(at.board, "s001", SceneEdit(locked=True)))
    assert await refusal(Orders(desk.editing, desk.ledger).storyboard(2, Wish())) == "scene_locked"


@BOTH
async def test_an_edit_and_a_new_plan_at_once_end_with_one(desk: Desk) -> None:
    orders = Orders(desk.editing, desk.ledger)
    works: list[Any] = [desk.editing.change(1, prompting("s001", "rain")), orders.storyboard(1, Wish())]
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    assert sorted(one.code for one in outcomes if isinstance(one, Permanent)) == ["version_conflict"]
    at = await desk.editing.read()
    assert at.project.version == 2
    assert (at.board.scenes[1].prompt == "rain") == isinstance(outcomes[0], Opened)


async def test_a_remix_that_dies_leaves_the_prompt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(*_: object, **__: object) -> None:
        raise ConnectionAbortedError

    take_id = (await desk.shown())["s004"]
    monkeypatch.setattr(Ledger, "_open_run", die)
    with pytest.raises(BeatloomError):
        await desk.takes("s004").remix(1, take_id, "snow")
    at = await desk.editing.read()
    assert (at.project.version, at.board.scenes[4].prompt) == (1, "")


async def test_a_project_that_was_changed_before_its_first_video_gets_its_storyboard(desk: Desk) -> None:
    projects = Projects(desk.database)
    song = await desk.store.put_bytes(b"song", "audio/wav")
    new = NewProject(owner="local", title="t", settings=ProjectSettings(seed=1), song=song, duration=30.0)
    made = await projects.create(new)
    made = await projects.change("local", made.id, 1, {"title": "another"})
    editing = Editing(desk.database, Documents(desk.store), "local", made.id)
    job_id = (await Orders(editing, desk.ledger).video(Wish())).job_id
    at = await desk.editing.read()
    for task, body in at.made.items():
        await desk.happens(job_id, task, body)
    assert (await editing.read()).board == at.board


@BOTH
async def test_a_death_before_the_commit_changes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(*_: object, **__: object) -> None:
        raise ConnectionAbortedError

    before = await desk.editing.read()
    with monkeypatch.context() as dying:
        dying.setattr("services.ingest.projects.editing.write_scenes", die)
        with pytest.raises(BeatloomError):
            await desk.editing.change(1, prompting("s001", "rain"))
    assert await desk.editing.read() == before
    assert (await desk.editing.change(1, prompting("s001", "rain"))).project.version == 2


async def test_documents_are_what_was_written(desk: Desk) -> None:
    at = await desk.editing.change(1, prompting("s001", "rain"))
    stored = await desk.store.get_bytes(at.storyboard_blob.key)
    assert stored is not None
    assert msgspec.json.decode(stored, type=Storyboard) == at.board == (await desk.editing.read()).board
    heard = await Documents(desk.store).get(at.analysis_blob, Analysis)
    assert heard == at.analysis
    assert at.storyboard_blob.sha256 in {row.sha256 for row in await desk.rows(t.references)}
