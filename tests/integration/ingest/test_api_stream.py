"""Server-sent events over a real port, woken over a real nats-server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest

from libs.contracts.messages import Progress
from services.ingest.events import Completed, Failed, ProgressEvent, StageUpdate
from tests.integration.ingest.flow import analyzed, composed, failed, finished, order_id, planned, rendered
from tests.integration.ingest.server import Api
from tests.integration.ingest.test_api_jobs import problem

Event = tuple[str, str, bytes]


async def events(answer: httpx.Response) -> AsyncIterator[Event]:
    """id, name and data of each event."""
    number = name = ""
    data: list[str] = []
    async for line in answer.aiter_lines():
        if not line:
            if name:
                yield number, name, "\n".join(data).encode()
            number, name, data = "", "", []
        field, _, value = line.partition(": ")
        if field == "id":
            number = value
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)


@asynccontextmanager
async def stream(api: Api, job_id: str, **headers: str) -> AsyncIterator[AsyncIterator[Event]]:
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    async with (
        asyncio.timeout(15),
        api.http.stream("GET", f"/api/v1/jobs/{job_id}/stream", headers=sent) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer)


async def rest(found: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in found]


async def watched_by(api: Api, count: int) -> None:
    """Wait for so many open streams."""
    for _ in range(500):
        if api.front.hub.watched == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{api.front.hub.watched} streams are open, not {count}")


async def until(found: AsyncIterator[Event], name: str) -> Event:
    async for event in found:
        if event[1] == name:
            return event
    raise AssertionError(f"the stream ended before `{name}`")


def rows(found: list[Event]) -> list[int]:
    return [int(number) for number, name, _ in found if name != "progress"]


async def test_a_job_is_followed_to_its_end(api: Api) -> None:
    job_id = await order_id(api)
    async with stream(api, job_id) as found:
        await until(found, "progress")
        await finished(api, job_id)
        seen = await rest(found)
    assert seen[-1][1] == "completed"
    assert msgspec.json.decode(seen[-1][2], type=Completed).download == f"/api/v1/jobs/{job_id}/download"
    stages = [
        msgspec.json.decode(data, type=StageUpdate).status for _, name, data in seen if name == "stage_update"
    ]
    assert list(dict.fromkeys(stages))[-3:] == ["planning", "generating", "composing"]
    async with stream(api, job_id) as again:
        whole = await rest(again)
    assert rows(whole) == list(range(1, len(rows(whole)) + 1))
    last = whole[-1][0]
    answer = await api.http.get(f"/api/v1/jobs/{job_id}/stream", headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await api.http.get(f"/api/v1/jobs/{job_id}/stream?last_event_id={last}")).status_code == 204


async def test_a_client_that_comes_back_misses_nothing_and_hears_nothing_twice(api: Api) -> None:
    job_id = await order_id(api)
    seen: list[int] = []
    steps = [analyzed, planned, None, None, composed]
    for number, step in enumerate(steps):
        async with stream(api, job_id, Last_Event_ID=str(seen[-1]) if seen else "") as found:
            if step is not None:
                await step(api, job_id)
            else:
                await rendered(api, job_id, number - 1)
            async for event in found:
                if event[0]:
                    seen.append(int(event[0]))
                    break
    async with stream(api, job_id, Last_Event_ID=str(seen[-1])) as found:
        seen += rows(await rest(found))
    assert seen == list(range(1, len(seen) + 1))


async def test_live_progress_comes_from_the_workers(api: Api) -> None:
    job_id = await order_id(api)
    await analyzed(api, job_id)
    await planned(api, job_id, scenes=4)
    async with stream(api, job_id) as found:
        before = msgspec.json.decode((await until(found, "progress"))[2], type=ProgressEvent)
        await api.bus.publish_progress(Progress(job_id=job_id, run=1, task="animate.s002", attempt=1, fraction=0.5))
        number, _, data = await until(found, "progress")
        after = msgspec.json.decode(data, type=ProgressEvent)
    assert number == ""
    assert after.percent > before.percent
    assert after.doing == "scene 1 of 4"
    assert (await api.http.get(f"/api/v1/jobs/{job_id}")).json()["percent"] == after.percent


async def test_after_a_retry_a_newcomer_hears_of_the_new_run(api: Api) -> None:
    job_id = await order_id(api)
    await failed(api, job_id)
    async with stream(api, job_id) as found:
        told = await rest(found)
    assert (told[-1][1], msgspec.json.decode(told[-1][2], type=Failed).code) == ("error", "not_media")
    await api.http.post(f"/api/v1/jobs/{job_id}/retry")
    async with stream(api, job_id) as found:
        first = await anext(found)
        assert int(first[0]) > int(told[-1][0])
        await failed(api, job_id, run=2)
        assert (await rest(found))[-1][1] == "error"


async def test_a_cancel_is_told(api: Api) -> None:
    job_id = await order_id(api)
    async with stream(api, job_id) as found:
        await until(found, "progress")
        await api.http.post(f"/api/v1/jobs/{job_id}/cancel")
        told = await rest(found)
    end = msgspec.json.decode(told[-1][2], type=Failed)
    assert (told[-1][1], end.status, end.code) == ("error", "cancelled", "job_cancelled")


@pytest.mark.parametrize("text", ["-1", "abc", "999999", "9" * 300, "1 OR 1=1", "0x1"])
async def test_ids_that_make_no_sense_get_a_snapshot(api: Api, text: str) -> None:
    job_id = await order_id(api)
    async with stream(api, job_id, Last_Event_ID=text) as found:
        number, name, data = await anext(found)
    assert name == "snapshot"
    assert msgspec.json.decode(data)["job"]["job_id"] == job_id
    async with stream(api, job_id, Last_Event_ID=number) as found:
        assert (await anext(found))[1] == "progress", "its number is a good one to resume from"


async def test_many_followers_one_of_them_stuck(api: Api) -> None:
    job_id = await order_id(api)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1024)
    writer.write(f"GET /api/v1/jobs/{job_id}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await reader.readline()

    async def one() -> list[Event]:
        async with stream(api, job_id) as found:
            return await rest(found)

    others = [asyncio.create_task(one()) for _ in range(20)]
    await watched_by(api, 21)
    await finished(api, job_id)
    told = await asyncio.gather(*others)
    assert {event[-1][1] for event in told} == {"completed"}
    assert len({tuple(rows(each)) for each in told}) == 1
    writer.close()
    await watched_by(api, 0)


async def test_a_reader_that_leaves_is_forgotten(api: Api) -> None:
    job_id = await order_id(api)
    async with stream(api, job_id) as found:
        await until(found, "progress")
        assert api.front.hub.watched == 1
    await watched_by(api, 0)


async def test_no_such_job(api: Api) -> None:
    assert problem(await api.http.get("/api/v1/jobs/nope/stream")) == (404, "job_not_found")


async def test_without_a_bus_orders_are_taken_and_streams_go_on(api: Api) -> None:
    job_id = await order_id(api)
    async with stream(api, job_id) as found:
        await until(found, "progress")
        api.nats.kill()
        await analyzed(api, job_id)
        assert msgspec.json.decode((await until(found, "stage_update"))[2], type=StageUpdate).status == "planning"
    assert await order_id(api) != job_id
    api.nats.start()
