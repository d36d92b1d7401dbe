"""What the removal of garbage must leave alone: what a running job made, what isn't ours, what is young again."""

import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from libs.artifacts import ArtifactStore, open_store
from libs.artifacts.results import Made, find_or_make, keep_blob
from libs.artifacts.store import StoredObject
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.facts import TrackAnalyzed, Usage
from libs.contracts.projects import BrandKit, ProjectSettings
from services.ingest.brief import Given, Wanted
from services.ingest.database import Database
from services.ingest.garbage import remove_garbage
from services.ingest.ledger import Ledger
from services.ingest.projects.characters import Characters
from services.ingest.projects.records import NewProject
from services.ingest.projects.store import Projects
from services.ingest.uploads import records
from services.ingest.uploads.records import Upload
from tests.storyboards import shot
from tests.unit.ingest.story import broke, new_job

NOW = datetime.now(UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty ledger's."""
    made = Database(f"sqlite+aiosqlite:///{tmp_path}/ledger.db")
    await made.migrate()
    yield made
    await made.close()


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """An empty folder."""
    return open_store(f"file://{tmp_path}/artifacts")


@pytest.fixture
def age(tmp_path: Path) -> Callable[..., None]:
    """Makes an object older."""

    def make_older(key: str, **by: float) -> None:
        then = (NOW - timedelta(**by)).timestamp()
        os.utime(tmp_path / "artifacts" / key, (then, then))

    return make_older


async def test_names_of_files_last_as_long_as_their_job(
    database: Database, store: ArtifactStore, age: Callable[..., None], tmp_path: Path
) -> None:
    job_id = (await Ledger(database).accept(new_job())).job_id
    there, gone = f"output/{job_id}/images/s001.jpg", "output/0199aa00bb11/voiceover.mp3"
    for key in (there, gone):
        await store.put_at(key, Path(__file__), "image/jpeg")
        age(key, days=10)
    young = "output/0199aa00bb11/manifest.json"
    await store.put_at(young, Path(__file__), "application/json")
    assert await remove_garbage(database, store, NOW) == 1
    assert [await store.has(key) for key in (there, gone, young)] == [True, False, True]


async def segment(store: ArtifactStore, name: str, age: Callable[..., None], **by: float) -> Blob:
    """What a composer keeps of its work: a blob and its record, referred to by nobody."""
    blob = await store.put_bytes(name.encode(), "video/mp4")
    key = result_key("segment", "1", "local", {"name": name})
    await keep_blob(store, key, blob)
    age(blob.key, **by)
    age(key, **by)
    return blob


async def test_what_a_running_job_made_waits_for_it_for_days(
    database: Database, store: ArtifactStore, age: Callable[..., None]
) -> None:
    """The machine was off over the weekend; the facts of what was made wait in the stream, or the work goes on."""
    opened = NOW - timedelta(days=3)
    ledger = Ledger(database, clock=lambda: opened)
    job_id = (await ledger.accept(new_job())).job_id
    before = await segment(store, "made before the job", age, days=4)
    mine = await segment(store, "made by the job", age, days=2)
    assert await remove_garbage(database, store, NOW) == 2
    assert (await store.has(before.key), await store.has(mine.key)) == (False, True)
    await ledger.apply(broke("analyze", retryable=False, job_id=job_id))
    assert await remove_garbage(database, store, NOW) == 2
    assert not await store.has(mine.key)


async def test_a_job_that_never_ends_does_not_keep_everything(
    database: Database, store: ArtifactStore, age: Callable[..., None]
) -> None:
    await Ledger(database, clock=lambda: NOW - timedelta(days=90)).accept(new_job())
    old = await segment(store, "old", age, days=8)
    assert await remove_garbage(database, store, NOW) == 2
    assert not await store.has(old.key)


async def test_files_that_are_not_ours_are_left_alone(
    database: Database, store: ArtifactStore, age: Callable[..., None], tmp_path: Path
) -> None:
    for name in ("result/.DS_Store", "blob/a copy~", "result/ä"):
        path = tmp_path / "artifacts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"?")
        age(name, days=9)
    assert await remove_garbage(database, store, NOW) == 0
    assert (tmp_path / "artifacts" / "blob" / "a copy~").exists()


class SlowToList:
    """A store in which somebody uses everything again between the listing and the deletion."""

    def __init__(self, store: ArtifactStore, again: bytes) -> None:
        self._store = store
        self._again = again

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """As the store does; then somebody sends the same file again."""
        async for stored in self._store.list(prefix):
            yield stored
        if prefix == "blob/":
            await self._store.put_bytes(self._again, "audio/mpeg")


async def test_an_upload_that_is_sent_again_meanwhile_stays(
    database: Database, store: ArtifactStore, age: Callable[..., None]
) -> None:
    song = await store.put_bytes(b"song", "audio/mpeg")  # of an order that was never accepted
    age(song.key, days=2)
    slow = SlowToList(store, b"song")
    await remove_garbage(database, slow, NOW)  # type: ignore[arg-type]  # it is one, through __getattr__
    assert await store.has(song.key)


async def test_a_result_whose_bytes_are_cut_short_is_made_again(store: ArtifactStore, tmp_path: Path) -> None:
    made = 0

    async def make() -> Made:
        nonlocal made
        made += 1
        blob = await store.put_bytes(b"an analysis", "application/json")
        return Made([TrackAnalyzed(analysis=blob, duration=9.0, bpm=120.0, sections=1)], Usage())

    key = result_key("analyze", "1", "local", {})
    (fact,) = (await find_or_make(store, key, make)).facts
    assert isinstance(fact, TrackAnalyzed)
    (tmp_path / "artifacts" / fact.analysis.key).write_bytes(b"an ana")
    assert not (await find_or_make(store, key, make)).reused
    assert made == 2
    async with store.local(fact.analysis) as path:
        assert path.read_bytes() == b"an analysis"


async def test_whatever_a_project_names_is_kept_however_old(
    database: Database, store: ArtifactStore, age: Callable[..., None]
) -> None:
    names = ("logo", "theme", "face", "own picture", "own clip", "sent", "expired")
    files = {name: await store.put_bytes(name.encode(), "image/png") for name in names}
    for blob in files.values():
        age(blob.key, days=30)
    projects = Projects(database, clock=lambda: NOW - timedelta(days=30))
    settings = ProjectSettings(brand_kit=BrandKit(logo=files["logo"]))
    project = await projects.create(NewProject(owner="local", title="", settings=settings, image=files["theme"]))
    values = {"name": "Ada", "picture": files["face"]}
    await Characters(database, "local", project.id).add(1, values)
    wanted = {
        "animate.s001.1": Wanted(shot=shot(1), image=files["own picture"]),
        "animate.s001.2": Wanted(shot=shot(1), clip=files["own clip"]),
    }
    order = msgspec.structs.replace(new_job(), kind="takes", project_id=project.id, given=Given(takes=wanted))
    job_id = (await Ledger(database, clock=lambda: NOW - timedelta(days=30)).accept(order)).job_id
    await Ledger(database).cancel(job_id)
    for name, until in (("sent", NOW + timedelta(hours=1)), ("expired", NOW - timedelta(days=2))):
        upload = Upload(
            id=name,
            owner="local",
            kind="image",
            status="ready",
            name=name,
            size=files[name].size,
            media_type="image/png",
            sha256=files[name].sha256,
            created_at=NOW,
            expires_at=until,
        )
        await records.insert(database, upload)
    await database.transact(lambda connection: records.remove_expired(connection, NOW))
    await remove_garbage(database, store, NOW)
    kept = {name for name, blob in files.items() if await store.stat(blob.key) is not None}
    assert kept == {*files} - {"expired"}
    await projects.remove("local", project.id)
    await remove_garbage(database, store, NOW)
    assert {name for name, blob in files.items() if await store.stat(blob.key) is not None} == {"sent"}
