"""Messages to send, and a place where the tests wait for what comes of them."""

from __future__ import annotations

from libs.bus.connection import Bus
from libs.contracts import subjects
from libs.contracts.artifacts import Blob
from libs.contracts.facts import Fact, TrackAnalyzed, WorkFact
from libs.contracts.messages import DeadLetter, decode
from libs.contracts.tasks import Analyze, Priority, Task

BLOB = Blob(sha256="a" * 64, size=3, media_type="audio/mpeg")
HEARD: list[WorkFact] = [TrackAnalyzed(analysis=BLOB, duration=6.0, bpm=120.0, sections=1)]


def order(job_id: str = "j1", *, run: int = 1, attempt: int = 1, priority: Priority = "low") -> Task:
    """An `analyze` task."""
    return Task(
        job_id=job_id,
        run=run,
        task="analyze",
        attempt=attempt,
        owner="me",
        body=Analyze(song=BLOB),
        priority=priority,
    )


async def waiting(bus: Bus, stream: str = subjects.TASKS) -> int:
    """Messages in a stream."""
    return (await bus.js.stream_info(stream)).state.messages


async def facts(bus: Bus) -> list[Fact]:
    """All facts in the stream, in order."""
    return [decode(data, Fact) for data in await _all(bus, subjects.FACTS)]


async def letters(bus: Bus) -> list[DeadLetter]:
    """All dead letters in the stream, in order."""
    return [decode(data, DeadLetter) for data in await _all(bus, subjects.DEAD)]


async def _all(bus: Bus, stream: str) -> list[bytes]:
    state = (await bus.js.stream_info(stream)).state
    found = []
    for sequence in range(state.first_seq, state.last_seq + 1):
        if state.messages:
            message = await bus.js.get_msg(stream, seq=sequence)
            found.append(message.data or b"")
    return found
