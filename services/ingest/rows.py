"""Between rows and the state of a run: reading one, and writing what a change of it calls for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Retryable
from libs.contracts.facts import Fact, JobCompleted, StoryboardPlanned, TakeRendered, VideoComposed, VoiceRendered
from libs.contracts.messages import Control, DeadLetter, decode, encode
from libs.contracts.tasks import RUN_INDEPENDENT, Task
from services.ingest import tables as t
from services.ingest.apply import apply, record_given_up, record_order
from services.ingest.brief import Brief, Given, NarratedFiles
from services.ingest.database import Database
from services.ingest.decide import Decision, GiveUp, Order
from services.ingest.keeping.references import note_use, refer
from services.ingest.narration import Told, narrate
from services.ingest.projects.board import made_of, offer_take, sum_up_project
from services.ingest.projects.events import ExportReady, ProjectEvent, TakeReady, job_news
from services.ingest.projects.telling import tell
from services.ingest.state import Ordered, RunState, kind_of, scene_of
from services.ingest.webhooks.rows import load_targets
from services.ingest.webhooks.tries import note_tries


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row that is locked while a job changes."""

    id: str
    project_id: str
    owner: str
    run: int
    version: int
    last_event: int
    trace: str
    """The trace that spans the job, as a `traceparent`; empty without one."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one run in one transaction."""

    before: RunState | None
    """None: the run was just opened."""
    after: RunState
    taken: tuple[Fact, ...] = ()
    """Facts from outside; their rows are in already."""
    decided: list[Decision] = []
    told: list[Told] = []
    """What is to be told besides, before the rest."""
    frees: bool = False
    """Whether money that was reserved can be spent by others now."""


async def lock_job(database: Database, connection: AsyncConnection, job_id: str) -> JobRow | None:
    """The job, locked until the transaction ends; None when there is none."""
    columns = [t.jobs.c[name] for name in JobRow.__struct_fields__]
    query = sa.select(*columns).where(t.jobs.c.id == job_id)
    if database.locks_rows:
        query = query.with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else JobRow(**row)


async def load_run(connection: AsyncConnection, job_id: str, run: int) -> RunState | None:
    """The state of a run: its orders, then its facts, applied one by one. None when there is no such run."""
    query = (
        sa.select(
            t.jobs,
            t.projects,
            t.runs.c.created_at.label("opened_at"),
            t.runs.c.ended_at.label("run_ended_at"),
            t.runs.c.waits_for,
            t.runs.c.paused_by,
        )
        .select_from(t.runs.join(t.jobs).join(t.projects, t.jobs.c.project_id == t.projects.c.id))
        .where(t.runs.c.job_id == job_id, t.runs.c.run == run)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    brief = Brief(
        job_id=job_id,
        owner=row._mapping[t.jobs.c.owner],
        kind=row.kind,
        options=row.options,
        given=row.given or Given(),
        song=row.song,
        lyrics=row.lyrics,
        image=row.image,
        duration=row.duration,
        notices=row._mapping[t.jobs.c.notices],
    )
    state = RunState(brief=brief, run=run, opened_at=row.opened_at, admitted=row.waits_for != "turn")
    state = msgspec.structs.replace(state, lacks=int(row.waits_for == "money"), paused=row.paused_by)
    c = t.tasks.c
    orders = sa.select(c.task, c.attempt, c.seq, c.ordered_at, c.anew, c.ceiling).where(
        c.job_id == job_id, c.run == run
    )
    for order in await connection.execute(orders.order_by(c.seq)):
        ordered = Ordered(seq=order.seq, at=order.ordered_at, anew=order.anew, ceiling=order.ceiling)
        state = record_order(state, order.task, order.attempt, ordered)
    facts = sa.select(t.facts.c.message).where(t.facts.c.job_id == job_id, t.facts.c.run == run)
    for (message,) in await connection.execute(facts.order_by(t.facts.c.id)):
        state = apply(state, decode(message.encode(), Fact))
    letters = sa.select(t.dead_letters.c.id).where(t.dead_letters.c.job_id == job_id, t.dead_letters.c.run == run)
    for (letter_id,) in await connection.execute(letters):
        state = record_given_up(state, letter_id)
    if row.run_ended_at is None:
        return state
    return msgspec.structs.replace(state, targets=await load_targets(connection, job_id, run))


async def insert_fact(database: Database, connection: AsyncConnection, fact: Fact, now: datetime) -> bool:
    """Put a fact's row in; False when it is there already."""
    row = {
        "job_id": fact.job_id,
        "run": fact.run,
        "task": fact.task,
        "attempt": fact.attempt,
        "name": fact.name,
        "at": fact.at,
        "taken_at": now,
        "message": encode(fact).decode(),
    }
    return await database.insert_new(connection, t.facts, [row]) == 1


async def write_change(
    database: Database, connection: AsyncConnection, job: JobRow, change: Change, now: datetime
) -> None:
    """Write all that a change calls for. Raises `Retryable("conflict")` when another changed the job meanwhile."""
    after, current = change.after, change.after.run == job.run
    if after.ending is not None and (change.before is None or change.before.ending is None):
        await _withdraw_tasks(connection, after)
        await note_use(connection, job.project_id, now)
    own = [decision for decision in change.decided if isinstance(decision, Fact)]
    for fact in own:
        await insert_fact(database, connection, fact, now)
    await _insert_orders(connection, job, [it for it in change.decided if isinstance(it, Order)], after, now)
    await _insert_letters(connection, [it.letter for it in change.decided if isinstance(it, GiveUp)], job)
    messages = [it.letter if isinstance(it, GiveUp) else it for it in change.decided if not isinstance(it, Order)]
    await _post(connection, job, [(message, now) for message in messages], now)
    dues = {it.task.task: now + timedelta(seconds=it.wait) for it in change.decided if isinstance(it, Order)}
    await note_tries(database, connection, after, change.taken, dues)
    news: list[ProjectEvent] = []
    for fact in change.taken:
        await _note_answer(connection, fact, now)
        await refer(database, connection, job.project_id, fact.body, now)
        news += await _insert_result(database, connection, job.project_id, after, fact, now=now)
    news += await _choose_takes(connection, job, change, now)
    if current:
        news += await sum_up_project(connection, job.project_id, change.before, after, now)
    await _sum_up_run(connection, after)
    told = narrate(change.before, after, now) if current else []
    if current and (change.before is None or change.before.ending is None):
        told = [*change.told, *told]
    await tell(connection, job.project_id, [*news, *job_news(after, told)], now)
    rows = [
        {
            "job_id": job.id,
            "number": job.last_event + index,
            "run": after.run,
            "name": name,
            "data": msgspec.json.encode(body).decode(),
            "at": now,
        }
        for index, (name, body) in enumerate(told, start=1)
    ]
    if rows:
        await connection.execute(sa.insert(t.events), rows)
    values: dict[str, Any] = {
        "version": job.version + 1,
        "updated_at": now,
        "last_event": job.last_event + len(rows),
    }
    if current:
        values |= {"run": after.run, "state": after.stage.value}
    await bump_version(connection, job, values)


async def bump_version(connection: AsyncConnection, job: JobRow, values: dict[str, Any]) -> None:
    """Write the job's row if nobody has since it was read. Raises `Retryable("conflict")`."""
    query = sa.update(t.jobs).where(t.jobs.c.id == job.id, t.jobs.c.version == job.version).values(**values)
    if (await connection.execute(query)).rowcount != 1:
        raise Retryable("conflict")


async def _withdraw_tasks(connection: AsyncConnection, state: RunState) -> None:
    """Take back what has not gone out yet: nobody waits for it any more."""
    c = t.outbox.c
    await connection.execute(
        sa.delete(t.outbox).where(
            c.job_id == state.brief.job_id,
            c.run == state.run,
            c.kind == "task",
            c.sent_at.is_(None),
            c.task.not_in(RUN_INDEPENDENT),
        )
    )


async def _insert_orders(
    connection: AsyncConnection, job: JobRow, orders: list[Order], state: RunState, now: datetime
) -> None:
    if not orders:
        return
    rows, messages = [], []
    for order in orders:
        task = order.task
        ordered = state.task(task.task).attempts[task.attempt].ordered
        assert ordered is not None
        due = now + timedelta(seconds=order.wait)
        rows.append(
            {
                "job_id": task.job_id,
                "run": task.run,
                "task": task.task,
                "attempt": task.attempt,
                "kind": task.kind,
                "seq": ordered.seq,
                "anew": ordered.anew,
                "message": encode(task).decode(),
                "trace": job.trace,
                "ordered_at": ordered.at,
                "not_before": due,
                "publications": 0,
                "ceiling": ordered.ceiling,
            }
        )
        messages.append((task, due))
    await connection.execute(sa.insert(t.tasks), rows)
    await _post(connection, job, messages, now)


async def _insert_letters(connection: AsyncConnection, letters: list[DeadLetter], job: JobRow) -> None:
    rows = [{**msgspec.structs.asdict(letter), "owner": job.owner} for letter in letters]
    if rows:
        await connection.execute(sa.insert(t.dead_letters), rows)


async def _post(
    connection: AsyncConnection,
    job: JobRow,
    messages: Sequence[tuple[Task | Fact | Control | DeadLetter, datetime]],
    now: datetime,
) -> None:
    """Put messages into the outbox, each with the time before which it must not go out."""
    rows = [
        {
            "kind": OUTBOX_KINDS[type(message)],
            "job_id": message.job_id,
            "run": message.ended_run if isinstance(message, Control) else message.run,
            "task": getattr(message, "task", ""),
            "attempt": getattr(message, "attempt", 0),
            "message": encode(message).decode(),
            "trace": job.trace,
            "created_at": now,
            "not_before": due,
        }
        for message, due in messages
    ]
    if rows:
        await connection.execute(sa.insert(t.outbox), rows)


async def _note_answer(connection: AsyncConnection, fact: Fact, now: datetime) -> None:
    """The try that a fact is about waits no more."""
    c = t.tasks.c
    await connection.execute(
        sa.update(t.tasks)
        .where(c.job_id == fact.job_id, c.run == fact.run, c.task == fact.task, c.attempt == fact.attempt)
        .where(c.answered_at.is_(None))
        .values(answered_at=now)
    )


async def _insert_result(
    database: Database, connection: AsyncConnection, project_id: str, state: RunState, fact: Fact, *, now: datetime
) -> list[ProjectEvent]:
    """Rows for what a fact says was made, and what is to be told of them."""
    of_try = {"job_id": fact.job_id, "run": fact.run, "attempt": fact.attempt}
    body = fact.body
    if isinstance(body, TakeRendered) and kind_of(fact.task) == "animate":
        take = {
            **of_try,
            "task": fact.task,
            "project_id": project_id,
            "scene_id": scene_of(fact.task),
            "clip": body.clip.blob,
            "lead": body.clip.lead,
            "frames": body.clip.frames,
            **made_of(state, fact.task),
            "backend": body.backend,
            "workflow": body.workflow,
            "seed": body.seed,
            "reused": fact.usage.reused,
            "chosen": False,
            "created_at": fact.at,
        }
        if await database.insert_new(connection, t.takes, [take]):
            made = await _id_of(connection, t.takes, **of_try, task=fact.task)
            return [TakeReady(scene_id=take["scene_id"], take_id=made, job_id=fact.job_id, at=now)]
    elif isinstance(body, VideoComposed) and fact.task == "compose":
        export = {
            **of_try,
            "project_id": project_id,
            "video": body.video,
            "report": body.report,
            "poster": body.poster,
            "sheet": body.sheet,
            "frames": body.frames,
            "duration": body.duration,
            "created_at": fact.at,
        }
        if await database.insert_new(connection, t.exports, [export]):
            made = await _id_of(connection, t.exports, **of_try)
            return [ExportReady(export_id=made, job_id=fact.job_id, at=now)]
    return []


async def _id_of(connection: AsyncConnection, table: sa.Table, **unique: Any) -> int:
    number: int = (await connection.execute(sa.select(table.c.id).filter_by(**unique))).scalar_one()
    return number


async def _choose_takes(
    connection: AsyncConnection, job: JobRow, change: Change, now: datetime
) -> list[ProjectEvent]:
    """Mark the take that counts of each scene that this change touched, in its run and in the project. Returns
    what is to be told of it."""
    news: list[ProjectEvent] = []
    touched = {fact.task for fact in change.taken} | {
        it.task.task for it in change.decided if isinstance(it, Order) and it.anew
    }
    c = t.takes.c
    for key in touched:
        if kind_of(key) == "animate":
            winner = change.after.task(key).winner
            number = winner.attempt if winner is not None else 0
            await connection.execute(
                sa.update(t.takes)
                .where(c.job_id == change.after.brief.job_id, c.run == change.after.run, c.task == key)
                .values(chosen=c.attempt == number)
            )
            if number and change.after.run == job.run:
                news += await offer_take(connection, job.project_id, change.after, key, attempt=number, now=now)
    return news


async def _sum_up_run(connection: AsyncConnection, state: RunState) -> None:
    """The run's row, for reading."""
    heard = state.heard
    board = state.result("plan", StoryboardPlanned)
    # What was delivered stays what it is, whatever a late fact says.
    completed = state.ending.body if state.ending and isinstance(state.ending.body, JobCompleted) else None
    video = completed or state.result("compose", VideoComposed)
    done, total = state.scenes
    error = state.error
    c = t.runs.c
    await connection.execute(
        sa.update(t.runs)
        .where(c.job_id == state.brief.job_id, c.run == state.run)
        .values(
            state=state.stage.value,
            ended_at=state.ending.at if state.ending else None,
            error_code=error.code if error else None,
            error_message=error.message.replace("\0", "") if error else None,
            error_task=error.task if error else None,
            notices=state.notices,
            scenes_total=total,
            scenes_done=done,
            analysis=heard.analysis if heard else None,
            storyboard=board.storyboard if board else None,
            video=video.video if video else None,
            report=video.report if video else None,
            poster=video.poster if video else None,
            sheet=video.sheet if video else None,
            narrated=_narrated(state, video),
            waits_for=state.waits_for,
            paused_by=state.paused if state.ending is None else None,
        )
    )


def _narrated(state: RunState, video: JobCompleted | VideoComposed | None) -> NarratedFiles | None:
    """The files that only narrated videos have; None for others."""
    if state.brief.given.script is None:
        return None
    voice = state.result("voice", VoiceRendered)
    voiceover = voice.voiceover if voice is not None else None
    if isinstance(video, JobCompleted):
        voiceover = video.voiceover
    if video is None:
        return NarratedFiles(voiceover=voiceover)
    return NarratedFiles(voiceover=voiceover, manifest=video.manifest, images=video.images)


OUTBOX_KINDS: dict[type, str] = {Task: "task", Fact: "fact", Control: "control", DeadLetter: "dead"}
"""How the outbox calls each kind of message."""
