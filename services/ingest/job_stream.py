"""A job's stream: the events of its current run to the end of it, with live progress between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from services.ingest.events import ProgressEvent
from services.ingest.progress import ProgressBoard
from services.ingest.records import EventRow, JobSnapshot
from services.ingest.streams import PAGE, Chatter, Start, frame, parse_event_id
from services.ingest.views import Snapshot, job_view


class Rows(Protocol):
    """What a job's stream reads of the ledger."""

    async def snapshot(self, job_id: str) -> JobSnapshot: ...
    async def news(self, job_id: str, *, after: int, limit: int) -> tuple[JobSnapshot, list[EventRow]]: ...
    async def events(self, job_id: str, *, after: int, limit: int = 500) -> list[EventRow]: ...
    async def first_event(self, job_id: str) -> int | None: ...


class JobSource:
    """A job, as `streams.follow` takes it."""

    def __init__(self, rows: Rows, board: ProgressBoard, job_id: str, *, now: Callable[[], datetime]) -> None:
        self.topic = job_id
        self._rows, self._board, self._now = rows, board, now

    async def read(self, after: int, limit: int) -> tuple[JobSnapshot, Sequence[EventRow]]:
        """The job and its new events."""
        return await self._rows.news(self.topic, after=after, limit=limit)

    def ended(self, state: JobSnapshot) -> bool:
        """Whether the current run has ended."""
        return state.state.ended

    def whole(self, state: JobSnapshot, number: int) -> Snapshot:
        """The job."""
        return Snapshot(last_event=number, job=job_view(state, self._board.live(state, self._now())))

    def chatter(self, state: JobSnapshot) -> Chatter:
        """How far it is."""
        progress = progress_event(state, self._board, self._now())
        return Chatter(frame("progress", msgspec.json.encode(progress), None), (progress.percent, progress.doing))


async def find_start(rows: Rows, job_id: str, last_event_id: str) -> Start[JobSnapshot] | None:
    """Where to begin for a client that saw `last_event_id` ("" for none); None when it has seen the end.

    A newcomer begins with the current run, or with a snapshot when its first events may be gone.

    Raises Permanent("job_not_found").
    """
    after = parse_event_id(last_event_id)
    snapshot = await rows.snapshot(job_id)
    first = await rows.first_event(job_id)
    if not last_event_id.strip() and first in (None, 1):
        return Start(await _before_run(rows, job_id, snapshot.run), None)
    if after is not None:
        follows_on = (first or 1) == after + 1 or bool(after and await _has(rows, job_id, after))
        seen_all = bool(last_event_id.strip()) and not await rows.events(job_id, after=after, limit=1)
        if follows_on and seen_all and snapshot.state.ended:
            return None
        if follows_on:
            return Start(after, None)
    last = await _last(rows, job_id, (first or 1) - 1)
    snapshot = await rows.snapshot(job_id)  # read after `last`, so that it includes it
    # of an ended job the client gets the last event too, since that is the one that says so
    return Start(max(last - 1, 0) if snapshot.state.ended else last, snapshot)


async def _has(rows: Rows, job_id: str, number: int) -> bool:
    found = await rows.events(job_id, after=number - 1, limit=1)
    return bool(found) and found[0].number == number


async def _before_run(rows: Rows, job_id: str, run: int) -> int:
    """The last event before a run began: a newcomer isn't told of the ends of older runs."""
    after = 0
    while run > 1 and (page := await rows.events(job_id, after=after, limit=PAGE)):
        older = [row.number for row in page if row.run < run]
        after = older[-1] if older else after
        if len(older) < len(page):
            break
    return after


async def _last(rows: Rows, job_id: str, after: int) -> int:
    while page := await rows.events(job_id, after=after, limit=PAGE):
        after = page[-1].number
        if len(page) < PAGE:
            break
    return after


def progress_event(snapshot: JobSnapshot, board: ProgressBoard, now: datetime) -> ProgressEvent:
    """The job's progress as clients get it."""
    live = board.live(snapshot, now)
    return ProgressEvent(
        run=snapshot.run,
        stage=snapshot.state,
        percent=live.percent,
        doing=live.doing,
        scenes_done=snapshot.scenes_done,
        scenes_total=snapshot.scenes_total,
        seconds_left=live.seconds_left,
    )
