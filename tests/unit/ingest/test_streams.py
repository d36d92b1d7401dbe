"""Streams of events: complete, resumable, and of no cost when the client is slow."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import msgspec
import pytest

from libs.contracts.errors import Permanent, Retryable
from libs.contracts.jobs import State
from libs.contracts.messages import Progress
from services.ingest import job_stream, streams
from services.ingest.job_stream import JobSource, find_start
from services.ingest.progress import ProgressBoard
from services.ingest.records import EventName, EventRow, JobSnapshot
from services.ingest.streams import Hub, Start, follow, frame, parse_event_id
from tests.unit.ingest.snapshots import snapshot


def now() -> datetime:
    return datetime.now(UTC)


class ListRows:
    """A ledger's reading side over a list."""

    def __init__(self, job: JobSnapshot) -> None:
        self.job = job
        self.kept: list[EventRow] = []
        self.reads = self.looks = 0
        self.away = False

    def add(self, name: EventName, number: int = 0, run: int = 1) -> None:
        number = number or len(self.kept) + 1
        self.kept.append(EventRow(number=number, run=run, name=name, data=b"{}", at=now()))

    async def snapshot(self, job_id: str) -> JobSnapshot:
        self.reads += 1
        if self.away:
            raise Retryable("ledger_unavailable")
        if job_id != self.job.job_id:
            raise Permanent("job_not_found")
        return self.job

    async def news(self, job_id: str, *, after: int, limit: int) -> tuple[JobSnapshot, list[EventRow]]:
        job = await self.snapshot(job_id)
        await asyncio.sleep(0)
        return job, await self.events(job_id, after=after, limit=limit)

    async def last_events(self, ids: Sequence[str]) -> dict[str, int]:
        self.looks += 1
        if self.away:
            raise Retryable("ledger_unavailable")
        return {self.job.job_id: self.kept[-1].number} if self.job.job_id in ids else {}

    async def events(self, job_id: str, *, after: int, limit: int = 500) -> list[EventRow]:
        return [row for row in self.kept if row.number > after][:limit]

    async def first_event(self, job_id: str) -> int | None:
        return self.kept[0].number if self.kept else None


@pytest.fixture
def hub() -> Hub:
    return Hub(ProgressBoard())


def running() -> ListRows:
    rows = ListRows(snapshot(State.GENERATING, scenes=4))
    rows.add("stage_update")
    rows.add("message")
    return rows


def ended() -> ListRows:
    rows = ListRows(snapshot(State.COMPLETED))
    for name in ("stage_update", "message", "completed"):
        rows.add(name)
    return rows


def names(chunks: list[bytes]) -> list[str]:
    return [line[7:].decode() for chunk in chunks for line in chunk.splitlines() if line.startswith(b"event: ")]


def opened(hub: Hub, rows: ListRows, start: Start[JobSnapshot] | None = None) -> AsyncGenerator[bytes, None]:
    return follow(hub, JobSource(rows, hub.board, "job1", now=now), start or Start(0, None))


async def take(stream: AsyncGenerator[bytes, None], count: int) -> list[bytes]:
    async with asyncio.timeout(5):
        return [await anext(stream) for _ in range(count)]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        (" ", 0),
        ("7", 7),
        ("-1", None),
        ("1.5", None),
        ("x", None),
        ("9" * 400, None),
        ("٣", None),
        ("1;", None),
    ],
)
def test_event_ids(text: str, number: int | None) -> None:
    assert parse_event_id(text) == number


def test_a_frame_cannot_be_broken_by_its_data() -> None:
    assert frame("message", b'{"a":1}', 3) == b'id: 3\nevent: message\ndata: {"a":1}\n\n'
    assert frame("progress", b"x\n\nevent: completed", None) == (
        b"event: progress\ndata: x\ndata: \ndata: event: completed\n\n"
    )


async def test_it_tells_all_then_what_comes_and_closes_after_the_end(hub: Hub) -> None:
    rows = running()
    async with aclosing(opened(hub, rows)) as stream:
        assert names(await take(stream, 4)) == ["stage_update", "message", "progress"]
        rows.add("completed")
        rows.job = snapshot(State.COMPLETED)
        hub.woken("job1")
        assert names([chunk async for chunk in stream]) == ["completed"]
    assert hub.watched == 0


async def test_an_ended_job_is_told_once_and_never_again(hub: Hub) -> None:
    rows = ended()
    start = await find_start(rows, "job1", "")
    assert start == Start(0, None)
    assert start is not None
    assert names([chunk async for chunk in opened(hub, rows, start)]) == ["stage_update", "message", "completed"]
    assert await find_start(rows, "job1", "2") == Start(2, None)
    assert await find_start(rows, "job1", "3") is None


async def test_ids_that_are_too_old_or_nonsense_get_a_snapshot(hub: Hub) -> None:
    rows = ListRows(snapshot(State.GENERATING, scenes=4))
    for number in range(10, 14):
        rows.add("message", number)
    for text in ("", "3", "0", "99", "-1", "<script>", "9" * 30):
        start = await find_start(rows, "job1", text)
        assert start is not None
        assert start.after == 13
        assert start.snapshot is rows.job
    assert await find_start(rows, "job1", "9") == Start(9, None), "the next one is still there"
    assert await find_start(rows, "job1", "11") == Start(11, None)
    async with aclosing(opened(hub, rows, Start(13, rows.job))) as stream:
        chunks = await take(stream, 3)
    assert names(chunks) == ["snapshot", "progress"]
    assert chunks[1].startswith(b"id: 13\n")
    data = msgspec.json.decode(chunks[1].split(b"data: ")[1])
    assert (data["last_event"], data["job"]["status"]) == (13, "generating")


async def test_after_a_snapshot_of_an_ended_job_its_end_is_told() -> None:
    rows = ListRows(snapshot(State.COMPLETED))
    rows.add("message", 10)
    rows.add("completed", 11)
    start = await find_start(rows, "job1", "2")
    assert start is not None
    assert (start.after, start.snapshot) == (10, rows.job)
    rows.kept.clear()
    assert await find_start(rows, "job1", "0") is None, "nothing is left, and nothing will come"


async def test_a_newcomer_hears_of_the_current_run_only(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ListRows(snapshot(State.ANALYZING, run=2))
    for _ in range(6):
        rows.add("message")
    rows.add("error")
    rows.add("stage_update", run=2)
    for page in (200, 7, 3):
        monkeypatch.setattr(job_stream, "PAGE", page)
        assert await find_start(rows, "job1", "") == Start(7, None)
        assert await find_start(rows, "job1", "2") == Start(2, None)


async def test_progress_goes_out_at_most_four_times_a_second(hub: Hub) -> None:
    rows = running()
    async with aclosing(opened(hub, rows)) as stream:
        await take(stream, 4)
        seen: list[bytes] = []

        async def read() -> None:
            async for chunk in stream:
                seen.append(chunk)

        reader = asyncio.create_task(read())
        for step in range(100):
            hub.progressed(Progress(job_id="job1", run=1, task="animate.s001", attempt=1, fraction=step / 100))
            await asyncio.sleep(0.006)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    assert 1 <= len(seen) <= 4
    assert set(names(seen)) == {"progress"}
    assert all(b"id:" not in chunk for chunk in seen)


async def test_a_slow_client_gets_every_row_and_keeps_no_queue(hub: Hub) -> None:
    rows = running()
    async with aclosing(opened(hub, rows)) as slow, aclosing(opened(hub, rows)) as quick:
        await take(slow, 1)
        await take(quick, 4)
        for step in range(500):
            rows.add("message")
            hub.woken("job1")
            hub.progressed(Progress(job_id="job1", run=1, task="animate.s001", attempt=1, fraction=step / 500))
        assert names(await take(quick, 500)) == ["message"] * 500
        rows.add("error")
        rows.job = snapshot(State.FAILED)
        hub.woken("job1")
        late = [chunk async for chunk in slow]
    numbers = [int(chunk.split(b"\n")[0][4:]) for chunk in late if chunk.startswith(b"id: ")]
    assert numbers == list(range(1, 504))
    assert names(late)[-1] == "error"


async def test_a_quiet_stream_is_kept_alive_and_looks_for_lost_wakes(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.4)
    monkeypatch.setattr(streams, "POLL_SECONDS", 0.6)
    monkeypatch.setattr(streams, "CHATTER_SECONDS", 0.01)
    rows = running()
    poll = asyncio.create_task(hub.poll(rows.last_events))
    async with aclosing(opened(hub, rows)) as stream:
        await take(stream, 4)
        assert (await take(stream, 1))[0] == b": keep-alive\n\n"
        rows.add("message")
        found = await take(stream, 3)
    poll.cancel()
    assert "message" in names(found)


async def test_unchanged_progress_does_not_put_off_the_keep_alive(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.2)
    monkeypatch.setattr(streams, "CHATTER_SECONDS", 0.01)
    async with aclosing(opened(hub, running())) as stream:
        await take(stream, 4)

        async def chatter() -> None:
            while True:
                hub.progressed(Progress(job_id="job1", run=1, task="animate.s001", attempt=1, fraction=0.0))
                await asyncio.sleep(0.02)

        busy = asyncio.create_task(chatter())
        assert b": keep-alive\n\n" in await take(stream, 2)
        busy.cancel()


async def test_streams_end_when_the_process_stops(hub: Hub) -> None:
    rows = running()
    async with aclosing(opened(hub, rows)) as stream:
        await take(stream, 4)
        rest = asyncio.create_task(anext(stream, None))
        await asyncio.sleep(0.3)
        hub.close()
        async with asyncio.timeout(1):
            assert await rest is None
    assert hub.watched == 0
    assert names([chunk async for chunk in opened(hub, rows)]) == []


async def test_a_ledger_that_goes_away_ends_the_stream(hub: Hub) -> None:
    rows = running()
    async with aclosing(opened(hub, rows)) as stream:
        await take(stream, 4)
        rows.away = True
        hub.woken("job1")
        assert [chunk async for chunk in stream] == [b": ledger_unavailable\n\n"]


async def test_progress_costs_no_read_of_the_ledger(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CHATTER_SECONDS", 0.0)
    rows = running()
    async with aclosing(opened(hub, rows)) as stream:
        await take(stream, 4)
        for step in range(1, 20):
            hub.progressed(Progress(job_id="job1", run=1, task="animate.s001", attempt=1, fraction=step / 20))
            assert names(await take(stream, 1)) == ["progress"]
    assert rows.reads == 1


async def test_many_streams_of_a_job_share_what_they_read(hub: Hub) -> None:
    rows = running()
    many = [opened(hub, rows) for _ in range(50)]
    for told in await asyncio.gather(*(take(stream, 4) for stream in many)):
        assert names(told) == ["stage_update", "message", "progress"]
    assert rows.reads == 1
    rows.add("message")
    hub.woken("job1")
    for told in await asyncio.gather(*(take(stream, 1) for stream in many)):
        assert names(told) == ["message"]
    assert rows.reads == 2
    await asyncio.gather(*(stream.aclose() for stream in many))


async def test_what_is_woken_while_it_reads_reads_again(hub: Hub) -> None:
    rows = running()
    source = JobSource(rows, hub.board, "job1", now=now)
    first = asyncio.create_task(hub.read(source, 2))
    await asyncio.sleep(0)
    hub.woken("job1")
    rows.add("message")
    _, found = await hub.read(source, 2)
    assert [row.number for row in found] == [3], "not what was read before the wake"
    await first
    assert rows.reads == 2


async def test_one_who_leaves_takes_no_read_from_the_others(hub: Hub) -> None:
    source = JobSource(running(), hub.board, "job1", now=now)
    leaving, staying = (asyncio.create_task(hub.read(source, 0)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert len((await staying)[1]) == 2


async def test_streams_that_have_told_all_cost_the_ledger_one_look(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "POLL_SECONDS", 0.02)
    rows = running()
    poll = asyncio.create_task(hub.poll(rows.last_events))
    async with aclosing(opened(hub, rows)) as stream:
        await take(stream, 4)
        rest = asyncio.create_task(anext(stream))
        await asyncio.sleep(0.2)
        assert rows.looks > 1
        assert rows.reads == 1
        rows.away = True
        await asyncio.sleep(0.1)
        rows.away = False
        rows.add("message")
        assert names([await rest]) == ["message"], "a ledger that was away ends neither the poll nor the stream"
    poll.cancel()
