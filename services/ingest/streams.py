"""Server-sent events: rows of the ledger, resumable, with live chatter between them.

A stream keeps no queue. It reads rows from where it is whenever something woke it, and shows the latest chatter;
so a slow client loses chatter, then falls behind and catches up from the ledger, and costs no memory meanwhile.
What many streams ask for at once is read once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from libs.contracts.errors import BeatloomError
from libs.contracts.messages import Progress
from services.ingest.progress import ProgressBoard

S = TypeVar("S")
R = TypeVar("R")

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 15.0
CHATTER_SECONDS = 0.25
"""The least time between two pieces of chatter of one stream."""
POLL_SECONDS = 5.0
"""Wakes may be lost: this often it is looked up which topics have rows that their streams haven't told."""
TOPICS = 500
"""Topics that are looked up at once."""
PAGE = 200

KEEP_ALIVE = b": keep-alive\n\n"
RETRY = b"retry: 2000\n\n"

Marks = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]
"""The number of the last row of each topic; topics that are gone are left out."""


class Row(Protocol):
    """An event as it was written down: it never changes."""

    @property
    def number(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def data(self) -> bytes: ...


class Chatter(NamedTuple):
    """What is told besides rows, when its `mark` is another than that of the last time."""

    frame: bytes
    mark: object


class Source(Protocol[S]):
    """What a stream tells of. Its rows are numbered, upwards. Methods raise BeatloomError."""

    @property
    def topic(self) -> str:
        """The id that wakes name."""
        ...

    async def read(self, after: int, limit: int) -> tuple[S, Sequence[Row]]:
        """The state, and the rows with a number above `after`: at least those that belong to the state."""
        ...

    def ended(self, state: S) -> bool:
        """Whether no row comes any more."""
        ...

    def whole(self, state: S, number: int) -> msgspec.Struct:
        """The body of a snapshot, which includes all rows up to this number."""
        ...

    def chatter(self, state: S) -> Chatter | None:
        """What can be said right now, with words from outside that `Hub.progressed` was told of."""
        ...


class Watch:
    """One stream's bell."""

    def __init__(self) -> None:
        self.rows = asyncio.Event()
        """There may be new rows, or the stream is to end."""
        self.any = asyncio.Event()
        """The same, or there is new chatter."""
        self.after = 0
        """The last row that the stream has told."""
        self.closing = False

    def ring(self) -> None:
        """There may be new rows."""
        self.rows.set()
        self.any.set()


class Hub:
    """The streams of this process, and who is woken by what. One set of subscriptions serves them all."""

    def __init__(self, board: ProgressBoard) -> None:
        self.board = board
        self._watches: dict[str, set[Watch]] = {}
        self._reads: dict[str, dict[int, asyncio.Future[Any]]] = {}
        self._chatter: dict[str, tuple[object, Chatter | None]] = {}
        self._closing = False

    @contextmanager
    def watch(self, topic: str) -> Iterator[Watch]:
        """Hear of a topic's changes, while the block lasts."""
        watch = Watch()
        watch.closing = self._closing
        self._watches.setdefault(topic, set()).add(watch)
        try:
            yield watch
        finally:
            others = self._watches[topic]
            others.discard(watch)
            if not others:
                del self._watches[topic]
                self._reads.pop(topic, None)
                self._chatter.pop(topic, None)

    async def read(self, source: Source[S], after: int) -> tuple[S, Sequence[Row]]:
        """What the source reads. Streams of one topic that ask for the same share the read, if nothing woke them
        since it began."""
        under_way = self._reads.setdefault(source.topic, {})
        read: asyncio.Future[tuple[S, Sequence[Row]]] | None = under_way.get(after)
        if read is None:
            read = under_way[after] = asyncio.ensure_future(source.read(after, PAGE))
            read.add_done_callback(lambda done: _forget(under_way, after, done))
        return await asyncio.shield(read)

    def chatter(self, source: Source[S], state: S) -> Chatter | None:
        """What the source says of this state; once for all streams, until there is news."""
        known, chatter = self._chatter.get(source.topic, (None, None))
        if known is not state or known is None:
            chatter = source.chatter(state)
            self._chatter[source.topic] = (state, chatter)
        return chatter

    def woken(self, topic: str) -> None:
        """The topic has new rows."""
        self._reads.pop(topic, None)
        for watch in self._watches.get(topic, ()):
            watch.ring()

    def progressed(self, progress: Progress) -> None:
        """A task told how far it is."""
        self.board.take(progress)
        self._chatter.pop(progress.job_id, None)
        for watch in self._watches.get(progress.job_id, ()):
            watch.any.set()

    async def poll(self, marks: Marks) -> None:
        """Wake those streams that have missed something, now and then, for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            topics = tuple(self._watches)
            for begin in range(0, len(topics), TOPICS):
                try:
                    await self._look(topics[begin : begin + TOPICS], marks)
                except BeatloomError as error:
                    log.info("streams wait for the ledger: %s", error)

    async def _look(self, topics: Sequence[str], marks: Marks) -> None:
        found = await marks(topics)
        for topic in topics:
            late = [it for it in self._watches.get(topic, ()) if topic not in found or it.after < found[topic]]
            if late:
                self._reads.pop(topic, None)
            for watch in late:
                watch.ring()

    def close(self) -> None:
        """End all streams, and those that come later at once: the process stops. Clients resume elsewhere."""
        self._closing = True
        for watches in self._watches.values():
            for watch in watches:
                watch.closing = True
                watch.ring()

    @property
    def watched(self) -> int:
        """Streams that are open."""
        return sum(len(watches) for watches in self._watches.values())


def _forget(under_way: dict[int, asyncio.Future[Any]], after: int, done: asyncio.Future[Any]) -> None:
    if under_way.get(after) is done:
        del under_way[after]
    if not done.cancelled():
        done.exception()  # those who waited for it have it, if there still are any


class Start(NamedTuple, Generic[S]):
    """Where a stream begins: after event `after`, with a snapshot first when what came before is gone."""

    after: int
    snapshot: S | None


def parse_event_id(text: str) -> int | None:
    """The number in a Last-Event-ID: 0 when none was sent, None when it is no number of ours."""
    text = text.strip()
    if not text:
        return 0
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


async def follow(hub: Hub, source: Source[S], start: Start[S]) -> AsyncGenerator[bytes, None]:
    """The bytes of a stream, until its source ends. Ends early when the ledger is away."""
    with hub.watch(source.topic) as watch:
        watch.after = start.after
        yield RETRY
        if start.snapshot is not None:
            whole = source.whole(start.snapshot, start.after)
            yield frame("snapshot", msgspec.json.encode(whole), start.after)
        try:
            async for chunk in _told(hub, source, watch):
                yield chunk
        except BeatloomError as error:
            yield f": {error.code}\n\n".encode()


async def _told(hub: Hub, source: Source[S], watch: Watch) -> AsyncGenerator[bytes, None]:
    """Rows as they come, chatter between them, and a comment in a long silence."""
    shown: object = None
    sent = time.monotonic()
    watch.rows.set()
    while not watch.closing:
        watch.any.clear()
        while watch.rows.is_set():
            watch.rows.clear()
            state, rows = await hub.read(source, watch.after)
            for row in rows:
                watch.after = row.number
                yield frame(row.name, row.data, row.number)
                sent = time.monotonic()
            if len(rows) == PAGE:
                watch.rows.set()
            elif source.ended(state):
                return
        chatter = hub.chatter(source, state)
        if chatter is not None and chatter.mark != shown:
            shown = chatter.mark
            yield chatter.frame
            sent = time.monotonic()
            await _until(watch.rows, CHATTER_SECONDS)
        quiet = time.monotonic() - sent
        if not await _until(watch.any, max(KEEP_ALIVE_SECONDS - quiet, 0.0)):
            yield KEEP_ALIVE
            sent = time.monotonic()


async def _until(event: asyncio.Event, seconds: float) -> bool:
    """True when the event was set within the time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


def frame(name: str, data: bytes, number: int | None) -> bytes:
    """One event on the wire. A line break in the data would end it: each line gets its own field."""
    head = f"event: {name}\n" if number is None else f"id: {number}\nevent: {name}\n"
    body = b"".join(b"data: " + line + b"\n" for line in data.splitlines() or [b""])
    return head.encode() + body + b"\n"
