"""Taking the messages of jobs out of every stream: for those whose owners have left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any

import msgspec
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from libs.bus import headers as head
from libs.bus.connection import TRANSIENT, Bus
from libs.contracts import subjects
from libs.contracts.errors import Retryable

Beat = Callable[[], Awaitable[None]]

_BUCKET = f"KV_{subjects.WORK_BUCKET}"
_RECORDS = f"$KV.{subjects.WORK_BUCKET}.>"


class _Held(msgspec.Struct, frozen=True):
    """The part of a worker's record that says what it is about: the id of a task's message, and more."""

    work: str = ""


class _Told(msgspec.Struct, frozen=True):
    """The part of a message that says whose it is."""

    job_id: str = ""


class Erasing:
    """Every call raises Retryable("bus_unavailable") when the server doesn't answer; then it can be made again."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def kinds_waiting(self, jobs: Collection[str], beat: Beat) -> set[str]:
        """The kinds of tasks of these jobs that wait or are in work. beat: awaited again and again."""
        return {
            head.kind_of_subject(message.subject or "")
            async for message in self._messages(subjects.TASKS, subjects.TASK_SUBJECTS, beat)
            if _job_of(message) in jobs
        }

    async def erase(self, jobs: Collection[str], beat: Beat) -> None:
        """Remove their tasks, dead letters, workers' records, facts, and at last the word that they have ended."""
        for stream, which in ((subjects.TASKS, subjects.TASK_SUBJECTS), (subjects.DEAD, subjects.DEAD_SUBJECTS)):
            async for message in self._messages(stream, which, beat):
                if _job_of(message) in jobs:
                    await self._asked(self._bus.js.delete_msg(stream, message.seq or 0))
        async for message in self._messages(_BUCKET, _RECORDS, beat):
            if _work_of(message) in jobs:  # a bucket lets no single message be deleted, but all of a subject
                await self._asked(self._bus.js.purge_stream(_BUCKET, subject=message.subject))
        for job in jobs:
            await beat()
            await self._asked(self._bus.js.purge_stream(subjects.FACTS, subject=subjects.facts_of(job)))
            await self._asked(self._bus.js.purge_stream(subjects.CONTROL, subject=subjects.control_subject(job)))

    async def _messages(self, stream: str, which: str, beat: Beat) -> AsyncIterator[RawStreamMsg]:
        """All that stands in a stream, the oldest first."""
        sequence = 1
        while True:
            await beat()
            question = self._bus.js.get_msg(stream, seq=sequence, subject=which, next=True)
            message = await self._asked(question)
            if message is None:
                return
            yield message
            sequence = (message.seq or sequence) + 1

    async def _asked(self, question: Any) -> Any:
        """The answer; None for what is not there."""
        if not self._bus.connected:
            question.close()
            raise Retryable("bus_unavailable", "nats-server is away.")
        try:
            return await question
        except NotFoundError:
            return None
        except TRANSIENT as error:
            raise Retryable("bus_unavailable", f"The streams don't answer: {error}") from error


def _job_of(message: RawStreamMsg) -> str:
    """Whose a message is: from the headers, or else from the body."""
    origin = head.read(message.headers)
    if origin is not None:
        return origin.job_id
    try:
        return msgspec.json.decode(message.data or b"", type=_Told).job_id
    except msgspec.DecodeError:
        return ""


def _work_of(message: RawStreamMsg) -> str:
    try:
        return msgspec.json.decode(message.data or b"", type=_Held).work.partition("/")[0]
    except msgspec.DecodeError:
        return ""
