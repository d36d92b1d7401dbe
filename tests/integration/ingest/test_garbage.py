"""What the removal of garbage must leave alone: what a running job made, what isn't ours, what is young again."""

import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from libs.artifacts import ArtifactStore, open_store
from libs.artifacts.results import Made, find_or_make, keep_blob
from libs.artifacts.store import StoredObject
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.facts import TrackAnalyzed, Usage
from services.ingest.database import Database
from services.ingest.garbage import remove_garbage
from services.ingest.ledger import Ledger
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
