"""A user with 10,000 artifacts takes them away and leaves, on a cluster's parts: PostgreSQL, S3, NATS, Redis."""

import time
import zipfile
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from libs.bus.connection import Bus
from libs.media.ffmpeg import run_ffmpeg
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.ingest.access.callers import MACHINE
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.limits.limits import Limits, user_key
from services.ingest.my_data.claims import LEASE
from services.ingest.my_data.deletions import Deletions
from services.ingest.my_data.exports import Exports
from services.ingest.my_data.loop import MyDataLoop
from tests.integration.ingest.belongings import Places, fill, traces
from tests.integration.ingest.server import Api, running
from tests.servers.nats import MakeNats
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server

LEAVER, STAYS = "somebody", "local"
JOBS, SCENES, SEGMENTS = 40, 20, 4040
"""40 x (20 clips, 6 files, 23 records) and 4040 segments with their records: 10,040 objects."""


@asynccontextmanager
async def _closing(bus: Bus, database: Database) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await database.close()
        await bus.close()


async def video_of(folder: Path) -> bytes:
    """A video that both users have."""
    path = folder / "video.mp4"
    await run_ffmpeg(["-f", "lavfi", "-i", "testsrc=s=64x48:d=2", "-pix_fmt", "yuv420p", str(path)], timeout_s=60)
    return path.read_bytes()


async def play(http: httpx.AsyncClient, folder: Path) -> int:
    """Download all videos of the one who stays, and decode them; how many."""
    count = 0
    for job in (await http.get("/api/v1/jobs?limit=100")).json()["jobs"]:
        if job["status"] == "completed":
            answer = (await http.get(f"/api/v1/jobs/{job['job_id']}/download")).raise_for_status()
            (folder / "played.mp4").write_bytes(answer.content)
            await run_ffmpeg(["-i", str(folder / "played.mp4"), "-f", "null", "-"], timeout_s=60)
            count += 1
    return count


async def take_away(api: Api, places: Places, loop: MyDataLoop, folder: Path) -> None:
    """Export all, and read the whole archive."""
    exports = Exports(api.database, api.store, api.clock)
    ordered = await exports.ask(MACHINE, LEAVER)
    assert await loop.step()
    export = await exports.get(LEAVER, ordered.id)
    assert (export.status, export.missing) == ("ready", 0)
    archive = await exports.open(export)
    with (folder / "everything.zip").open("wb") as file:
        async for chunk in exports.read(archive, 0, archive.size):
            file.write(chunk)
    with zipfile.ZipFile(folder / "everything.zip") as read:
        assert read.testzip() is None
        assert sum("/takes/" in name for name in read.namelist()) == JOBS * SCENES


@pytest.mark.matrix
async def test_ten_thousand_artifacts_go_and_no_trace_is_left(
    tmp_path: Path, nats_server: MakeNats, s3_server: S3Server, postgres_url: str, redis_server: RedisServer
) -> None:
    server = nats_server()
    bus = await Bus.connect(server.url, server.token, name="test")
    await bus.ensure_topology()
    database = Database(postgres_url)
    await database.migrate()
    ledger = Ledger(database)
    limits = Limits({"orders": "5/hour"}, redis_url=redis_server.url)
    redis = Redis.from_url(redis_server.url)
    for owner in (LEAVER, STAYS):
        await limits.take("orders", user_key(owner))
    bucket = s3_server.url(s3_server.new_bucket())
    async with (
        aclosing(redis),
        aclosing(limits),
        _closing(bus, database),
        WorkerPool(1) as pool,
        running(tmp_path, ledger, bus, pool, server, database, store_url=bucket) as api,
        Scratch(api.scratch) as scratch,
    ):
        places = Places(database, api.store, bus, ledger)
        video = await api.store.put_bytes(await video_of(tmp_path), "video/mp4")
        mine = await fill(places, LEAVER, jobs=JOBS, scenes=SCENES, segments=SEGMENTS, video=video)
        theirs = await fill(places, STAYS, jobs=2, video=video)
        objects = [stored.key async for stored in api.store.list("")]
        assert len(objects) > 10_000
        kept = theirs & await traces(places, STAYS, theirs)
        loop = MyDataLoop.over(
            database=database,
            store=api.store,
            scratch=scratch,
            bus=bus,
            ledger=ledger,
            forget=limits.forget,
            clock=api.clock,
            patience=timedelta(0),
        )
        began = time.monotonic()
        await take_away(api, places, loop, tmp_path)
        exported = time.monotonic()
        deletions = Deletions(database, api.clock)
        standing = await deletions.holdings(LEAVER)
        asked = await deletions.ask(MACHINE, LEAVER, standing.confirm)
        api.clock.ahead += 4 * LEASE
        await loop.step()
        print(f"exported in {exported - began:.1f} s, deleted in {time.monotonic() - exported:.1f} s")
        assert (await deletions.get(asked.id)).status == "done"
        assert await traces(places, LEAVER, mine) == set()
        assert theirs & await traces(places, STAYS, theirs) == kept
        keys = [key.decode() async for key in redis.scan_iter()]
        assert [key for key in keys if STAYS in key]
        assert not [key for key in keys if LEAVER in key]
        assert await play(api.http, tmp_path) == 2
