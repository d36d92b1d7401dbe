"""Server-sent events of a job: rows of the ledger, resumable, with live progress between them.

A stream keeps no queue. It reads rows from where it is whenever something woke it, and shows the latest progress;
so a slow client loses chatter, then falls behind and catches up from the ledger, and costs no memory meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from libs.contracts.errors import BeatloomError
from libs.contracts.messages import Progress
from services.ingest.events import ProgressEvent
from services.ingest.progress import ProgressBoard
from services.ingest.records import EventRow, JobSnapshot
from services.ingest.views import Snapshot, job_view

KEEP_ALIVE_SECONDS = 15.0
PROGRESS_SECONDS = 0.25
"""The least time between two progress events of one stream."""
POLL_SECONDS = 5.0
"""Wakes may be lost: every stream looks into the ledger this often."""
PAGE = 200

KEEP_ALIVE = b": keep-alive\n\n"
RETRY = b"retry: 2000\n\n"


class Rows(Protocol):
    """What a stream reads of the ledger."""

    async def snapshot(self, job_id: str) -> JobSnapshot: ...
    async def events(self, job_id: str, *, after: int, limit: int = 500) -> list[EventRow]: ...
    async def first_event(self, job_id: str) -> int | None: ...


class Watch:
    """One stream's bell."""

    def __init__(self) -> None:
        self.rows = asyncio.Event()
        """There may be new rows, or the stream is to end."""
        self.any = asyncio.Event()
        """The same, or there is new progress."""
        self.closing = False


class Hub:
    """The streams of this process, and who is woken by what. One set of subscriptions serves them all."""

    def __init__(self, board: ProgressBoard) -> None:
        self.board = board
        self._watches: dict[str, set[Watch]] = {}
        self._closing = False

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watch]:
        """Hear of a job's changes, while the block lasts."""
        watch = Watch()
        watch.closing = self._closing
        self._watches.setdefault(job_id, set()).add(watch)
        try:
            yield watch
        finally:
            others = self._watches[job_id]
            others.discard(watch)
            if not others:
                del self._watches[job_id]

    def woken(self, job_id: str) -> None:
        """The job has new rows."""
        for watch in self._watches.get(job_id, ()):
            watch.rows.set()
            watch.any.set()

    def progressed(self, progress: Progress) -> None:
        """A task told how far it is."""
        self.board.take(progress)
        for watch in self._watches.get(progress.job_id, ()):
            watch.any.set()

    async def poll(self) -> None:
        """Wake every stream now and then, for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            for job_id in tuple(self._watches):
                self.woken(job_id)

    def close(self) -> None:
        """End all streams, and those that come later at once: the process stops. Clients resume elsewhere."""
        self._closing = True
        for watches in self._watches.values():
            for watch in watches:
                watch.closing = True
                watch.rows.set()
                watch.any.set()

    @property
    def watched(self) -> int:
        """Streams that are open."""
        return sum(len(watches) for watches in self._watches.values())


class Start(NamedTuple):
    """Where a stream begins: after event `after`, with a snapshot first when what came before is gone."""

    after: int
    snapshot: JobSnapshot | None


def parse_event_id(text: str) -> int | None:
    """The number in a Last-Event-ID: 0 when none was sent, None when it is no number of ours."""
    text = text.strip()
    if not text:
        return 0
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


async def find_start(rows: Rows, job_id: str, last_event_id: str) -> Start | None:
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


async def follow(
    hub: Hub, rows: Rows, job_id: str, start: Start, *, now: Callable[[], datetime]
) -> AsyncGenerator[bytes, None]:
    """The bytes of a stream, to the end of the job's current run. Ends early when the ledger is away."""
    with hub.watch(job_id) as watch:
        yield RETRY
        if start.snapshot is not None:
            live = hub.board.live(start.snapshot, now())
            whole = Snapshot(last_event=start.after, job=job_view(start.snapshot, live))
            yield frame("snapshot", msgspec.json.encode(whole), start.after)
        stream = _Stream(hub, rows, watch, job_id=job_id, after=start.after)
        try:
            async for chunk in stream.run(now):
                yield chunk
        except BeatloomError as error:
            yield f": {error.code}\n\n".encode()


class _Stream:
    def __init__(self, hub: Hub, rows: Rows, watch: Watch, *, job_id: str, after: int) -> None:
        self._hub, self._rows, self._watch = hub, rows, watch
        self._job_id, self._after = job_id, after
        self._sent = time.monotonic()

    async def run(self, now: Callable[[], datetime]) -> AsyncGenerator[bytes, None]:
        shown: ProgressEvent | None = None
        self._watch.rows.set()
        while not self._watch.closing:
            self._watch.any.clear()
            if self._watch.rows.is_set():
                self._watch.rows.clear()
                snapshot = await self._rows.snapshot(
                    self._job_id
                )  # before the rows: an end has its event among them
                async for chunk in self._new_rows():
                    yield chunk
                if snapshot.state.ended:
                    return
            progress = progress_event(snapshot, self._hub.board, now())
            if shown is None or (progress.percent, progress.doing) != (shown.percent, shown.doing):
                shown = progress
                yield self._stamped(frame("progress", msgspec.json.encode(progress), None))
                await _until(self._watch.rows, PROGRESS_SECONDS)
            quiet = time.monotonic() - self._sent
            if not await _until(self._watch.any, max(KEEP_ALIVE_SECONDS - quiet, 0.0)):
                yield self._stamped(KEEP_ALIVE)

    async def _new_rows(self) -> AsyncGenerator[bytes, None]:
        while page := await self._rows.events(self._job_id, after=self._after, limit=PAGE):
            for row in page:
                self._after = row.number
                yield self._stamped(frame(row.name, row.data, row.number))
            if len(page) < PAGE:
                return

    def _stamped(self, chunk: bytes) -> bytes:
        self._sent = time.monotonic()
        return chunk


async def _until(event: asyncio.Event, seconds: float) -> bool:
    """True when the event was set within the time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


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


def frame(name: str, data: bytes, number: int | None) -> bytes:
    """One event on the wire. A line break in the data would end it: each line gets its own field."""
    head = f"event: {name}\n" if number is None else f"id: {number}\nevent: {name}\n"
    body = b"".join(b"data: " + line + b"\n" for line in data.splitlines() or [b""])
    return head.encode() + body + b"\n"
