"""What clients are told of a change: the difference between two states of a run, as events."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from libs.contracts.facts import JobFailed, VideoComposed
from libs.contracts.jobs import State
from services.ingest import events
from services.ingest.records import EventName
from services.ingest.state import RunState

_WORK = {
    "fetch": "Fetching the files",
    "analyze": "Hearing the song",
    "voice": "Speaking the script",
    "score": "Making the music",
    "plan": "Planning the video",
    "compose": "Putting the video together",
}

_MAKING = {"imagine": "Making still", "animate": "Making scene"}

Told = tuple[EventName, msgspec.Struct]


def narrate(before: RunState | None, after: RunState, now: datetime) -> list[Told]:
    """The events between two states, in order; `before` is None for a run that was just opened.

    After the event that ends a run there is none of that run.
    """
    if before is not None and before.ending is not None:
        return []
    told: list[Told] = []
    if before is None:
        told.append(_stage(after, State.QUEUED, now))
        if not after.admitted:
            told.append(
                _message(after, "info", "waits_for_turn", "Other jobs run: this one waits for its turn.", now)
            )
    old_notices = before.notices if before else ()
    for notice in after.notices:
        if notice not in old_notices:
            told.append(_message(after, "warning", notice.code, notice.message, now))
    if after.ending is not None:
        return [*told, _ending(after, after.error, after.ending.at)]
    told += _retries(before, after, now)
    if (after.stage, after.scenes) != (
        before.stage if before else State.QUEUED,
        before.scenes if before else (0, 0),
    ):
        told.append(_stage(after, after.stage, now))
    return told


def _retries(before: RunState | None, after: RunState, now: datetime) -> list[Told]:
    """A message for every task that was ordered again."""
    told: list[Told] = []
    for key, task in after.tasks.items():
        known = len(before.task(key).ordered) if before else 0
        if len(task.ordered) <= max(known, 1):
            continue
        kind, _, name = key.partition(".")
        work = f"{_MAKING[kind]} {name}" if kind in _MAKING else _WORK.get(kind, key)
        newest, order = task.ordered[-1]
        last = next((it for it in after.failures if it[0] == key and it[1] == newest.number - 1), None)
        if order.anew or last is None:
            text = f"{work}: what was made is gone, so it is made again."
            told.append(_message(after, "info", "input_missing", text, now))
        else:
            told.append(_message(after, "info", last[2].code, f"{work} is tried again: {last[2].message}", now))
    return told


def _stage(state: RunState, stage: State, now: datetime) -> Told:
    done, total = state.scenes
    return "stage_update", events.StageUpdate(
        run=state.run, status=stage, at=now, scenes_done=done, scenes_total=total
    )


def _message(state: RunState, level: Literal["info", "warning"], code: str, text: str, now: datetime) -> Told:
    return "message", events.Message(run=state.run, level=level, code=code, message=text, at=now)


def _ending(state: RunState, error: JobFailed | None, at: datetime) -> Told:
    if error is None:
        video = state.result("compose", VideoComposed) is not None
        return "completed", events.completed(state.brief.job_id, state.run, at, video=video)
    return "error", events.failed(state.run, state.stage, error.code, error.message, at)
