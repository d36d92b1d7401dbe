"""A project's stream over a real port: numbered, resumable, awake also when the wake was lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from services.ingest import streams
from tests.integration.ingest.flow import finished, order_id
from tests.integration.ingest.server import Api
from tests.integration.ingest.test_api_jobs import problem
from tests.integration.ingest.test_api_stream import Event, events

Told = tuple[int, str, dict[str, Any]]


@asynccontextmanager
async def stream(api: Api, project_id: str, seen: str = "") -> AsyncIterator[AsyncIterator[Event]]:
    path, headers = f"/api/v1/projects/{project_id}/stream", {"Last-Event-ID": seen} if seen else {}
    async with asyncio.timeout(15), api.http.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield events(answer)


async def take(found: AsyncIterator[Event], until: str) -> list[Told]:
    told = []
    async for number, name, data in found:
        told.append((int(number), name, msgspec.json.decode(data)))
        if name == until:
            return told
    raise AssertionError(f"ended before {until}")


async def new_project(api: Api) -> str:
    return str((await api.http.post("/api/v1/projects", json={"title": "A"})).json()["id"])


async def test_a_job_over_a_project_is_told_and_a_client_misses_nothing(api: Api) -> None:
    job_id = await order_id(api)
    project_id = (await api.ledger.snapshot(job_id)).project_id
    async with stream(api, project_id) as found:
        first = await take(found, "snapshot")
        assert first[0][2]["project"]["jobId"] == job_id
        await finished(api, job_id)
        told = await take(found, "job_ended")
    assert [number for number, _, _ in told] == list(range(first[0][0] + 1, told[-1][0] + 1))
    names = [name for _, name, _ in told]
    assert names.count("take_ready") == names.count("take_chosen") == 2
    assert names.count("export_ready") == names.count("scenes_changed") == 1
    takes = {body["sceneId"]: body["takeId"] for _, name, body in told if name == "take_chosen"}
    assert takes == {body["sceneId"]: body["takeId"] for _, name, body in told if name == "take_ready"}
    assert told[-1][2]["status"] == "completed"
    assert told[-1][2]["jobId"] == job_id
    for number, _, _ in told[:: len(told) // 4]:
        async with stream(api, project_id, str(number)) as again:
            if number < told[-1][0]:
                assert await take(again, "job_ended") == told[number - first[0][0] :]


async def test_two_editors_hear_of_each_other(api: Api) -> None:
    project_id = await new_project(api)
    path = f"/api/v1/projects/{project_id}"
    async with stream(api, project_id) as found:
        await take(found, "snapshot")
        answer = await api.http.patch(path, json={"title": "B"}, headers={"If-Match": '"1"'})
        assert answer.status_code == 200
        number, _, body = (await take(found, "project_changed"))[-1]
        assert (number, body["version"], answer.headers["etag"]) == (1, 2, '"2"')
        stale = await api.http.patch(path, json={"title": "C"}, headers={"If-Match": '"1"'})
        assert stale.status_code == 412
        made = await api.http.post(f"{path}/characters", json={"name": "Ada"}, headers={"If-Match": '"2"'})
        assert made.status_code == 201, made.text
        told = await take(found, "characters_changed")
    assert [(number, name, body["version"]) for number, name, body in told] == [
        (2, "project_changed", 3),
        (3, "characters_changed", 3),
    ], "what was refused is told to nobody"


async def test_what_no_wake_told_of_is_found(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "POLL_SECONDS", 0.1)
    project_id = await new_project(api)
    async with stream(api, project_id) as found:
        await take(found, "snapshot")
        api.database.on_change = None
        changed = await api.http.patch(
            f"/api/v1/projects/{project_id}", json={"title": "B"}, headers={"If-Match": '"1"'}
        )
        assert changed.status_code == 200
        assert (await take(found, "project_changed"))[-1][0] == 1


@pytest.mark.parametrize("text", ["-1", "abc", "999999", "9" * 300, "1 OR 1=1"])
async def test_ids_that_make_no_sense_get_a_snapshot(api: Api, text: str) -> None:
    project_id = await new_project(api)
    async with stream(api, project_id, text) as found:
        number, name, body = (await take(found, "snapshot"))[0]
    assert (number, name, body["lastEvent"], body["project"]["title"]) == (0, "snapshot", 0, "A")


async def test_a_project_that_is_deleted_ends_its_streams(api: Api) -> None:
    project_id = await new_project(api)
    async with stream(api, project_id) as found:
        await take(found, "snapshot")
        assert (await api.http.delete(f"/api/v1/projects/{project_id}")).status_code == 204
        assert [event async for event in found] == []
    answer = await api.http.get(f"/api/v1/projects/{project_id}/stream")
    assert problem(answer) == (404, "project_not_found")
