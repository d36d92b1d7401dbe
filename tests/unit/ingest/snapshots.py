"""Snapshots for tests of what is shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from libs.contracts.artifacts import Blob
from libs.contracts.jobs import JobOptions, State
from services.ingest.records import JobSnapshot, StageTime

BEGIN = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)

_WAY = [State.QUEUED, State.ANALYZING, State.PLANNING, State.GENERATING, State.COMPOSING]


def blob(letter: str, size: int = 10, media_type: str = "video/mp4") -> Blob:
    """A blob with a digest of one letter."""
    return Blob(sha256=letter * 64, size=size, media_type=media_type)


def snapshot(
    state: State, *, scenes: int = 0, done: int = 0, last: State | None = None, **rest: Any
) -> JobSnapshot:
    """A job in a state that it came to by the usual way, a minute in each stage.

    last: the last stage of an ended run.
    """
    way = _WAY[: _WAY.index(last or (state if state in _WAY else State.COMPOSING)) + 1]
    times = [BEGIN + timedelta(minutes=number) for number in range(len(way) + 1)]
    ends: list[datetime | None] = [*times[1:-1], times[-1] if state.ended else None]
    base = JobSnapshot(
        job_id="job1",
        project_id="p1",
        owner="local",
        run=1,
        state=state,
        options=JobOptions(seed=1),
        song_name="My Song.mp3",
        duration=30.0,
        created_at=BEGIN,
        started_at=BEGIN,
        ended_at=times[-1] if state.ended else None,
        stages=tuple(
            StageTime(state=each, started_at=start, ended_at=end)
            for each, start, end in zip(way, times, ends, strict=False)
        ),
        scenes_total=scenes,
        scenes_done=done,
        error=None,
        notices=(),
        analysis=None,
        storyboard=None,
        video=None,
        report=None,
        poster=None,
        sheet=None,
        clips={f"s{number:03d}": blob("c") for number in range(1, done + 1)},
    )
    return msgspec.structs.replace(base, **rest)
