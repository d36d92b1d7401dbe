"""The sweeper removes what nobody needs from a real folder, and nothing else."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from libs.artifacts import ArtifactStore, open_store
from libs.artifacts.results import Made, find_or_make, keep_blob
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.errors import Retryable
from libs.contracts.facts import Fact, TrackAnalyzed, Usage
from services.ingest.database import Database
from services.ingest.garbage import remove_garbage
from services.ingest.ledger import Ledger
from services.ingest.sweeper import Sweeper
from tests.unit.ingest.story import new_job
from tests.waiting import until


class Attic(NamedTuple):
    """A store with things of yesterday, and the ledger that refers to some."""

    ledger: Ledger
    database: Database
    store: ArtifactStore
    folder: Path

    async def keys(self) -> set[str]:
        """All that is stored."""
        found = [stored.key async for stored in self.store.list("blob/")]
        return {*found, *[stored.key async for stored in self.store.list("result/")]}

    def age(self, key: str, **by: float) -> None:
        """Make an object older."""
        then = (datetime.now(UTC) - timedelta(**by)).timestamp()
        os.utime(self.folder / key, (then, then))

    async def sweep(self) -> int:
        """Remove the garbage."""
        return await remove_garbage(self.database, self.store, datetime.now(UTC))


@pytest.fixture
async def attic(tmp_path: Path) -> AsyncIterator[Attic]:
    """An empty store and ledger."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/ledger.db")
    await database.migrate()
    yield Attic(Ledger(database), database, open_store(f"file://{tmp_path}/artifacts"), tmp_path / "artifacts")
    await database.close()


async def analyzed(attic: Attic, analysis: Blob, *, record: str = "") -> TrackAnalyzed:
    """The fact of an analysis, and its record when a name is given."""
    fact = TrackAnalyzed(analysis=analysis, duration=9.0, bpm=120.0, sections=1)

    async def make() -> Made:
        return Made([fact], Usage())

    if record:
        await find_or_make(attic.store, result_key("analyze", "1", "local", {"name": record}), make)
    return fact


async def test_only_what_is_old_and_referred_to_by_nobody_goes(attic: Attic) -> None:
    song, image, used, orphan, young = [
        await attic.store.put_bytes(name.encode(), "text/plain")
        for name in ("song", "image", "used", "orphan", "young")
    ]
    kept = await analyzed(attic, used, record="kept")
    await analyzed(attic, orphan, record="orphan")
    await keep_blob(attic.store, result_key("segment", "1", "local", {}), orphan)
    job = msgspec.structs.replace(new_job(), song=song, image=image)
    job_id = (await attic.ledger.accept(job)).job_id
    fact = Fact(job_id=job_id, run=1, task="analyze", attempt=1, at=datetime.now(UTC), body=kept)
    await attic.ledger.apply(fact)
    for key in await attic.keys() - {young.key}:
        attic.age(key, hours=25)
    assert await attic.sweep() == 3
    kept_record = result_key("analyze", "1", "local", {"name": "kept"})
    assert await attic.keys() == {song.key, image.key, used.key, young.key, kept_record}
    assert await attic.sweep() == 0


async def test_a_record_lives_as_long_as_one_of_its_blobs(attic: Attic) -> None:
    song = await attic.store.put_bytes(b"song", "text/plain")
    await attic.ledger.accept(msgspec.structs.replace(new_job(), song=song))
    for number in range(250):  # more than are looked up at once
        await attic.store.put_if_absent(f"result/{number:064x}", b'{"blobs": ["%s"]}' % song.sha256.encode())
    await attic.store.put_if_absent("result/torn", b"\xff{")
    for key in await attic.keys():
        attic.age(key, days=9)
    assert await attic.sweep() == 1
    assert len(await attic.keys()) == 251


async def test_what_is_used_again_is_young_again(attic: Attic) -> None:
    blob = await attic.store.put_bytes(b"once", "text/plain")
    attic.age(blob.key, days=9)
    await attic.store.put_bytes(b"once", "text/plain")
    assert await attic.sweep() == 0


async def test_a_store_that_is_away_is_no_end(attic: Attic) -> None:
    class Away:
        """A store that does not answer."""

        asked = 0

        async def list(self, prefix: str) -> AsyncIterator[str]:
            """Never."""
            self.asked += 1
            for key in list[str]():
                yield key
            raise Retryable("store_unavailable")

    away = Away()
    sweeper = Sweeper(attic.database, away, wake=lambda: None, every_s=0.01)  # type: ignore[arg-type]  # lists only
    running = asyncio.create_task(sweeper.run())

    async def asked() -> bool:
        return away.asked >= 2

    await until(asked)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
