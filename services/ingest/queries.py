"""Reading the ledger: snapshots, events and dead letters. Rows of facts and tasks stay where they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.artifacts import Blob
from libs.contracts.codes import CODES
from libs.contracts.facts import Fact, TaskAttemptFailed
from libs.contracts.jobs import State
from libs.contracts.messages import decode
from services.ingest import tables as t
from services.ingest.brief import NarratedFiles
from services.ingest.columns import Moment
from services.ingest.records import AttemptError, DeadRow, EventRow, Failure, JobSnapshot, StageTime
from services.ingest.state import STAGE_OF, STAGES

_SNAPSHOT = (
    sa.select(
        t.jobs.c.id,
        t.jobs.c.project_id,
        t.jobs.c.owner,
        t.jobs.c.kind,
        t.jobs.c.caption,
        t.jobs.c.client_run,
        t.jobs.c.options,
        t.jobs.c.created_at,
        t.projects.c.song_name,
        t.projects.c.duration,
        t.runs.c.run,
        t.runs.c.state,
        t.runs.c.created_at.label("opened_at"),
        t.runs.c.ended_at,
        t.runs.c.error_code,
        t.runs.c.error_message,
        t.runs.c.error_task,
        t.runs.c.notices,
        t.runs.c.scenes_total,
        t.runs.c.scenes_done,
        t.runs.c.analysis,
        t.runs.c.storyboard,
        t.runs.c.video,
        t.runs.c.report,
        t.runs.c.poster,
        t.runs.c.sheet,
        t.runs.c.narrated.is_not(None).label("is_narrated"),
        t.runs.c.waits_for,
    )
    .join(t.runs, (t.runs.c.job_id == t.jobs.c.id) & (t.runs.c.run == t.jobs.c.run))
    .join(t.projects, t.projects.c.id == t.jobs.c.project_id)
)


def _of_run(table: sa.Table, line: sa.ColumnElement[str], *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[str]:
    """Lines about the current run of a job, as one text: so that a snapshot is one question to the database."""
    this = (table.c.job_id == t.jobs.c.id) & (table.c.run == t.jobs.c.run)
    lines = sa.select(sa.func.aggregate_strings(line, "\n")).where(this, *where)
    return lines.correlate(t.jobs).scalar_subquery()


_WHOLE = _SNAPSHOT.add_columns(
    t.runs.c.narrated,
    _of_run(t.tasks, t.tasks.c.kind + " " + sa.cast(t.tasks.c.ordered_at, sa.Text)).label("ordered"),
    _of_run(t.takes, t.takes.c.scene_id + " " + sa.cast(t.takes.c.clip, sa.Text), t.takes.c.chosen).label("shown"),
).where(t.jobs.c.id == sa.bindparam("job_id"))


def read_snapshot(connection: sa.Connection, job_id: str) -> JobSnapshot | None:
    """A job as its current run stands, with its clips."""
    row = connection.execute(_WHOLE, {"job_id": job_id}).mappings().one_or_none()
    if row is None:
        return None
    entered: dict[State, datetime] = {}
    for kind, moment in _pairs(row["ordered"]):
        if kind in STAGE_OF:
            at, stage = _moment(moment), STAGE_OF[kind]
            entered[stage] = min(entered.get(stage, at), at)
    clips = {scene: msgspec.json.decode(clip, type=Blob) for scene, clip in sorted(_pairs(row["shown"]))}
    return msgspec.structs.replace(_snapshot(row, entered, clips), narrated=row["narrated"])


def _pairs(lines: str | None) -> Iterable[tuple[str, str]]:
    """The first word of each line, and the rest of it."""
    for line in (lines or "").splitlines():
        word, _, rest = line.partition(" ")
        yield word, rest


def _moment(text: str) -> datetime:
    """A time as the database writes it: SQLite without the offset, which is that of UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def read_snapshots(
    connection: AsyncConnection, owner: str, *, limit: int, before: str | None
) -> list[JobSnapshot]:
    """The newest jobs of a user, without their clips. Job ids grow with time."""
    query = _SNAPSHOT.where(t.jobs.c.owner == owner).order_by(t.jobs.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(t.jobs.c.id < before)
    rows = (await connection.execute(query)).mappings().all()
    entered = await _entered(connection, [row["id"] for row in rows])
    return [_snapshot(row, entered[row["id"]], {}) for row in rows]


_EVENTS = (
    sa.select(*(t.events.c[name] for name in EventRow.__struct_fields__))
    .where(t.events.c.job_id == sa.bindparam("job_id"), t.events.c.number > sa.bindparam("after"))
    .order_by(t.events.c.number)
    .limit(sa.bindparam("most"))
)


def read_events(connection: sa.Connection, job_id: str, *, after: int, limit: int) -> list[EventRow]:
    """Events with a number above `after`, in order."""
    rows = connection.execute(_EVENTS, {"job_id": job_id, "after": after, "most": limit})
    return [
        EventRow(number=row.number, run=row.run, name=row.name, data=row.data.encode(), at=row.at) for row in rows
    ]


def read_news(
    connection: sa.Connection, job_id: str, *, after: int, limit: int
) -> tuple[JobSnapshot | None, list[EventRow]]:
    """The job, then its events with a number above `after`: at least those up to this state of it."""
    snapshot = read_snapshot(connection, job_id)
    return snapshot, read_events(connection, job_id, after=after, limit=limit)


async def read_first_event(connection: AsyncConnection, job_id: str) -> int | None:
    """The oldest event's number."""
    query = sa.select(sa.func.min(t.events.c.number)).where(t.events.c.job_id == job_id)
    number: int | None = (await connection.execute(query)).scalar_one()
    return number


async def read_last_events(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, int]:
    """The number of the last event by id, of jobs and projects."""
    found: dict[str, int] = {}
    for table in (t.jobs, t.projects):
        for row in await connection.execute(sa.select(table.c.id, table.c.last_event).where(table.c.id.in_(ids))):
            found[row.id] = row.last_event
    return found


async def read_letters(connection: AsyncConnection, *, limit: int, before: str | None) -> list[DeadRow]:
    """Open dead letters, newest first, without their history; `before` is the last id of the page before."""
    c = t.dead_letters.c
    query = sa.select(t.dead_letters).where(c.closed_at.is_(None)).order_by(c.at.desc(), c.id).limit(limit)
    if before is not None:
        last = t.dead_letters.alias()
        at = sa.select(last.c.at).where(last.c.id == before).scalar_subquery()
        query = query.where((c.at < at) | ((c.at == at) & (c.id > before)))
    return [_letter(row, ()) for row in (await connection.execute(query)).mappings()]


async def read_letter(connection: AsyncConnection, letter_id: str) -> DeadRow | None:
    """An open dead letter with the failures of its task."""
    c = t.dead_letters.c
    query = sa.select(t.dead_letters).where(c.id == letter_id, c.closed_at.is_(None))
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    f = t.facts.c
    history = (
        sa.select(f.message)
        .where(f.job_id == row["job_id"], f.run == row["run"], f.task == row["task"])
        .where(f.name == "task.attempt_failed")
        .order_by(f.attempt)
    )
    facts = [decode(message.encode(), Fact) for (message,) in await connection.execute(history)]
    return _letter(row, (_attempt_error(it, it.body) for it in facts if isinstance(it.body, TaskAttemptFailed)))


async def _entered(connection: AsyncConnection, job_ids: list[str]) -> dict[str, dict[State, datetime]]:
    """When the current run of each job first ordered a task of each stage."""
    first = sa.func.min(t.tasks.c.ordered_at, type_=Moment()).label("first")
    query = (
        sa.select(t.tasks.c.job_id, t.tasks.c.kind, first)
        .join(t.jobs, (t.jobs.c.id == t.tasks.c.job_id) & (t.jobs.c.run == t.tasks.c.run))
        .where(t.tasks.c.job_id.in_(job_ids))
        .group_by(t.tasks.c.job_id, t.tasks.c.kind)
    )
    entered: dict[str, dict[State, datetime]] = defaultdict(dict)
    for row in await connection.execute(query):
        if row.kind in STAGE_OF:
            known, stage = entered[row.job_id], STAGE_OF[row.kind]
            known[stage] = min(known.get(stage, row.first), row.first)
    return entered


def _snapshot(row: Any, entered: dict[State, datetime], clips: dict[str, Blob]) -> JobSnapshot:
    starts = [(State.QUEUED, row["opened_at"])]
    starts += [(stage, entered[stage]) for stage in STAGES if stage in entered]
    ends = [start for _, start in starts[1:]] + [row["ended_at"]]
    failure = None
    if row["error_code"] is not None:
        code = row["error_code"] if row["error_code"] in CODES else "unexpected"
        failure = Failure(code=code, message=row["error_message"], task=row["error_task"])
    return JobSnapshot(
        job_id=row["id"],
        project_id=row["project_id"],
        owner=row["owner"],
        kind=row["kind"],
        caption=row["caption"],
        client_run=row["client_run"],
        run=row["run"],
        state=State(row["state"]),
        options=row["options"],
        song_name=row["song_name"],
        duration=row["duration"],
        created_at=row["created_at"],
        started_at=row["opened_at"],
        ended_at=row["ended_at"],
        stages=tuple(
            StageTime(state=state, started_at=start, ended_at=end)
            for (state, start), end in zip(starts, ends, strict=True)
        ),
        scenes_total=row["scenes_total"],
        scenes_done=row["scenes_done"],
        error=failure,
        notices=row["notices"],
        analysis=row["analysis"],
        storyboard=row["storyboard"],
        video=row["video"],
        report=row["report"],
        poster=row["poster"],
        sheet=row["sheet"],
        clips=clips,
        narrated=NarratedFiles() if row["is_narrated"] else None,
        waits_for=row["waits_for"],
    )


def _letter(row: Any, errors: Iterable[AttemptError]) -> DeadRow:
    return DeadRow(
        id=row["id"],
        kind=row["kind"],
        job_id=row["job_id"],
        run=row["run"],
        task=row["task"],
        attempt=row["attempt"],
        code=row["code"],
        at=row["at"],
        errors=tuple(errors),
    )


def _attempt_error(fact: Fact, body: TaskAttemptFailed) -> AttemptError:
    return AttemptError(
        attempt=fact.attempt,
        at=fact.at,
        code=body.code,
        message=body.message,
        retryable=body.retryable,
        detail=body.detail,
    )
