"""Taking all of one's data away, and leaving without a trace, over a real ledger, store and bus."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from libs.artifacts import ArtifactStore
from libs.contracts import subjects
from libs.contracts.jobs import State
from libs.runtime.scratch import Scratch
from services.ingest.database import Database
from services.ingest.garbage import remove_garbage
from services.ingest.my_data.claims import LEASE
from services.ingest.my_data.deleting import LOOK_S
from services.ingest.my_data.loop import MyDataLoop
from services.ingest.projects.store import Projects
from tests.integration.ingest.belongings import Places, fill, publish, traces
from tests.integration.ingest.server import Api
from tests.waiting import until

EXPORT, DELETION = "/api/v1/me/export", "/api/v1/me/deletion"


class Died(BaseException):
    """kill -9, as far as a process of its own is concerned."""


class Mortal:
    """A store or ledger whose process dies after so many calls."""

    def __init__(self, inner: Any, left: list[int]) -> None:
        self._inner, self._left = inner, left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._counted(found) if name in ("transact", "delete", "get_bytes", "put_at", "stat") else found

    def _counted(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*args: Any, **options: Any) -> Any:
            answer = await call(*args, **options)
            self._left[0] -= 1
            if self._left[0] < 0:
                raise Died
            return answer

        return counted


@pytest.fixture
async def places(api: Api) -> Places:
    """All that keeps something."""
    await api.bus.ensure_topology()
    return Places(api.database, api.store, api.bus, api.ledger)


@pytest.fixture
async def scratch(api: Api) -> AsyncIterator[Scratch]:
    """Of the loops."""
    async with Scratch(api.scratch) as opened:
        yield opened


async def _forget(owner: str) -> None:
    pass


def loop_over(
    api: Api, scratch: Scratch, *, dies_after: int | None = None, patience: timedelta = timedelta(0)
) -> MyDataLoop:
    """A replica's, that waits for no young file."""
    database: Database = api.database
    store: ArtifactStore = api.store
    if dies_after is not None:
        left = [dies_after]
        database, store = Mortal(database, left), Mortal(store, left)  # type: ignore[assignment]
    return MyDataLoop.over(
        database=database,
        store=store,
        scratch=scratch,
        bus=api.bus,
        ledger=api.ledger,
        forget=_forget,
        clock=api.clock,
        grace=timedelta(0),
        patience=patience,
    )


async def exported(api: Api, scratch: Scratch) -> dict[str, Any]:
    """A data export that is ready."""
    ordered = (await api.http.post(EXPORT)).raise_for_status().json()
    assert await loop_over(api, scratch).step()
    view: dict[str, Any] = (await api.http.get(f"/api/v1/me/exports/{ordered['id']}")).json()
    assert view["status"] == "ready"
    return view


async def test_everything_is_in_the_archive_and_a_broken_download_goes_on(
    api: Api, places: Places, scratch: Scratch
) -> None:
    await fill(places, "local")
    theirs = await fill(places, "somebody")
    stolen = await places.store.put_bytes(b"what nobody of these has", "text/plain")
    title = json.dumps({"sha256": stolen.sha256, "size": stolen.size, "media_type": stolen.media_type})
    (await api.http.post("/api/v1/projects", json={"title": title})).raise_for_status()
    view = await exported(api, scratch)
    whole = await api.http.get(view["download"])
    assert len(whole.content) == view["size"] == int(whole.headers["Content-Length"])
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == view["files"]
        takes = [name for name in names if "/takes/" in name]
        assert sorted(archive.read(name) for name in takes) == [b"clip s00%d local 0" % n for n in (1, 2, 3)]
        (video,) = (name for name in names if "/videos/" in name and name.endswith("-video.txt"))
        page = archive.read("index.html").decode()
        assert f'src="{video}"' in page
        jobs = [json.loads(line) for line in archive.read("data/jobs.jsonl").splitlines()]
        assert len(jobs) == 3
        assert "secret" not in json.loads(archive.read("data/webhook_endpoints.jsonl"))
        assert title in [json.loads(line)["title"] for line in archive.read("data/projects.jsonl").splitlines()]
        lines = archive.read("data/events.jsonl").splitlines()
        assert all(isinstance(json.loads(line)["data"], dict) for line in lines)
        text = b"".join(archive.read(name) for name in names).decode(errors="replace")
    assert not [one for one in theirs | {"somebody", "what nobody of these has"} if one in text]
    half = view["size"] // 2
    tag = whole.headers["ETag"]
    rest = await api.http.get(view["download"], headers={"Range": f"bytes={half}-", "If-Range": tag})
    assert (rest.status_code, rest.content) == (206, whole.content[half:])
    again = await api.http.get(view["download"], headers={"If-None-Match": tag})
    assert again.status_code == 304
    head = await api.http.head(view["download"])
    assert int(head.headers["Content-Length"]) == view["size"]


async def test_what_is_exported_stays_as_long_as_the_export(api: Api, places: Places, scratch: Scratch) -> None:
    await fill(places, "local")
    view = await exported(api, scratch)
    for job in (await api.http.get("/api/v1/jobs")).json()["jobs"]:
        if job["status"] != "completed" and job["status"] != "failed":
            await api.ledger.cancel(job["job_id"])
    projects = Projects(api.database)
    for project in await projects.page("local", limit=10, before=None):
        await projects.remove("local", project.id)
    await remove_garbage(api.database, api.store, datetime.now(UTC) + timedelta(days=6))
    whole = await api.http.get(view["download"])
    assert len(whole.content) == view["size"]
    api.clock.ahead = timedelta(days=8)
    expired = await api.http.get(f"/api/v1/me/exports/{view['id']}/download")
    assert (expired.status_code, expired.json()["code"]) == (410, "data_export_expired")
    await loop_over(api, scratch).step()
    late = loop_over(api, scratch)
    api.clock.ahead = timedelta(days=9)
    await late.step()
    assert [stored.key async for stored in api.store.list("export/")] == []


async def test_two_replicas_make_one_export_and_a_dead_one_is_taken_over(
    api: Api, places: Places, scratch: Scratch
) -> None:
    await fill(places, "local")
    ordered = [(await api.http.post(EXPORT)).json()["id"] for _ in range(2)]
    assert ordered[0] == ordered[1]
    with pytest.raises(Died):
        await loop_over(api, scratch, dies_after=3).step()
    first, second = loop_over(api, scratch), loop_over(api, scratch)
    assert not await first.step(), "the dead one's claim still holds"
    api.clock.ahead = LEASE * 2
    assert sorted(await asyncio.gather(first.step(), second.step())) == [False, True]
    (view,) = (await api.http.get("/api/v1/me/exports")).json()["exports"]
    assert view["status"] == "ready"
    assert (await api.http.get(view["download"])).status_code == 200


async def confirmed(http: httpx.AsyncClient) -> str:
    """Delete everything; the address of the deletion."""
    confirm = (await http.get(DELETION)).raise_for_status().json()["confirm"]
    answer = await http.post(DELETION, json={"confirm": confirm})
    assert answer.status_code == 202, answer.text
    link: str = answer.json()["link"]
    return link


async def test_nothing_is_left_whenever_it_dies_and_others_keep_theirs(
    api: Api, places: Places, scratch: Scratch
) -> None:
    mine = await fill(places, "local")
    theirs = await fill(places, "somebody")
    await exported(api, scratch)
    assert mine <= await traces(places, "local", mine)
    kept = theirs & await traces(places, "somebody", theirs)
    stale = (await api.http.get(DELETION)).json()
    assert (stale["jobs"], stale["running_jobs"], stale["takes"], stale["videos"]) == (3, 1, 3, 1)
    mine |= await fill(places, "local", jobs=0)
    refused = await api.http.post(DELETION, json={"confirm": stale["confirm"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "deletion_not_confirmed")
    link = await confirmed(api.http)
    deaths = 0
    while (await api.http.get(link)).json()["status"] != "done":
        try:
            await loop_over(api, scratch, dies_after=1 + deaths).step()
        except Died:
            deaths += 1
            await publish(places)
        api.clock.ahead += 2 * LEASE
    assert deaths > 5
    assert await traces(places, "local", mine) == set()
    assert theirs & await traces(places, "somebody", theirs) == kept
    files = b"".join(path.read_bytes() for path in api.scratch.parent.glob("ledger.db*"))
    assert not [one for one in mine if one.encode() in files], "it lies in the file still"
    assert [one for one in theirs if one.encode() in files]
    done = (await api.http.get(link)).json()
    assert done["ended_at"] is not None
    assert (await api.http.get(DELETION)).json()["files"] == 0


async def test_workers_are_waited_for(api: Api, places: Places, scratch: Scratch) -> None:
    await fill(places, "local")
    loop = loop_over(api, scratch, patience=timedelta(seconds=60))
    link = await confirmed(api.http)
    step = asyncio.create_task(loop.step())

    async def cancelled() -> bool:
        jobs = (await api.http.get("/api/v1/jobs")).json()["jobs"]
        return all(State(job["status"]).ended for job in jobs)

    await until(cancelled)
    await publish(places)
    await asyncio.sleep(3 * LOOK_S)
    assert (await api.http.get(link)).json()["status"] == "stopping", "tasks are in work still"
    await api.bus.js.purge_stream(subjects.TASKS)
    await step
    assert (await api.http.get(link)).json()["status"] == "done"


async def test_a_file_that_somebody_has_just_stored_is_looked_at_later(
    api: Api, places: Places, scratch: Scratch
) -> None:
    await fill(places, "local")
    patient = MyDataLoop.over(
        database=api.database,
        store=api.store,
        scratch=scratch,
        bus=api.bus,
        ledger=api.ledger,
        forget=_forget,
        clock=api.clock,
        patience=timedelta(0),
    )
    link = await confirmed(api.http)
    await patient.step()
    assert (await api.http.get(link)).json()["status"] == "erasing"
    assert [stored async for stored in api.store.list("blob/")]
    assert not await patient.step(), "not before a while"
    api.clock.ahead = timedelta(minutes=10)
    await patient.step()
    assert (await api.http.get(link)).json()["status"] == "done"
    assert not [stored async for stored in api.store.list("blob/")]
