"""decide: what is due now: the next tries of the pipeline's tasks, and its ends.

A job begins with what its project has already, and ends where its kind ends: `storyboard` with the plan, `takes`
with the takes that were asked for, `full` and `export` with the video.

(fetch ─▶)
script ─▶ voice ─┐ (a song with it is the music under the voice; or voice ─▶ score makes that song)
song ─▶ analyze ─┴▶ plan ─▶ imagine × stills ─▶ animate × shots ─▶ compose ─▶ completed ─▶ notify
  └───▶ mix                                       └─▶ conform × scenes
             (a task that can't be tried again) ─▶ failed ──────────────────────────────────▲
             (somebody ends it)                 ─▶ cancelled ───────────────────────────────┘

A shot waits for the still that it names, and for no other. A still that can't be made fails nothing: its shots go
on without it.
mix and conform go ahead of compose, on cores that drawing leaves idle. Nobody waits for them and they are tried
once: compose finds what they made and makes the rest, and fails by itself if it must.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from libs.contracts.codes import CODES
from libs.contracts.errors import BeatloomError
from libs.contracts.facts import (
    Fact,
    JobCancelled,
    JobCompleted,
    JobFailed,
    StoryboardPlanned,
    TaskAttemptFailed,
    VideoComposed,
    VoiceRendered,
)
from libs.contracts.jobs import COMPOSING
from libs.contracts.messages import Control, DeadLetter
from libs.contracts.tasks import AHEAD, Task, TaskBody
from services.ingest.apply import apply, next_seq, record_given_up, record_order
from services.ingest.money.ordering import Price, price_of, with_ceiling
from services.ingest.pipeline import pipeline
from services.ingest.retries import Hopeless, Remake, Try, verdict
from services.ingest.state import Ordered, RunState, kind_of, letter_of
from services.ingest.turns import rank_of
from services.ingest.webhooks.telling import order_of

LEAST_WANTED = 3
"""Scenes, of those there are, that have to be made as they were wanted."""


WINDOWED = frozenset({"imagine", "animate"})
"""Kinds of tasks of which a run may have only so many before the workers, so that those of others come between."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Order a task, `wait` seconds from now. `anew`: see state.Ordered."""

    task: Task
    wait: float = 0.0
    anew: bool = False
    price: Price | None = None
    """What is set aside for it; None: it costs nothing."""


class GiveUp(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing more is tried: a dead letter."""

    letter: DeadLetter


Decision = Order | Fact | GiveUp | Control


def decide(state: RunState, now: datetime) -> list[Decision]:
    """What is due now; empty when the run waits for facts, or for nothing any more."""
    if state.ending is not None:
        tasks = _after_the_end(state, state.ending, now)
    elif (ended := _completed(state)) is not None:
        return [_own_fact(state, ended, now)]
    elif not state.admitted:
        return []
    elif lacking := _lacking(state):
        return _end(state, lacking, "failed", now)
    else:
        tasks = dict(pipeline(state, now))
    decisions: list[Decision] = []
    room = _room_for_clips(state)
    for key in tasks:
        if kind_of(key) in WINDOWED and not state.task(key).attempts and state.outcome(key) is None:
            if room <= 0:
                continue
            room -= 1
        decisions += _next_step(state, tasks, key, now)
        if any(isinstance(it, GiveUp) or (isinstance(it, Order) and it.anew) for it in decisions):
            break  # what comes after may not be due any more
    return decisions


def _room_for_clips(state: RunState) -> float:
    """How many more stills and clips may be ordered for the first time."""
    if not state.clips_at_once:
        return math.inf
    begun = (key for key, task in state.tasks.items() if kind_of(key) in WINDOWED and task.ordered)
    return state.clips_at_once - sum(not state.concluded(key) for key in begun)


def _completed(state: RunState) -> JobCompleted | None:
    """The good end, when all is there that this kind of job is for."""
    match state.brief.kind:
        case "storyboard":
            return JobCompleted() if state.outcome("plan") is not None else None
        case "takes":
            there = all(state.outcome(key) is not None for key in state.brief.given.takes)
            return JobCompleted() if there else None
        case "full" | "export":
            video = state.result("compose", VideoComposed)
            if video is None:
                return None
            voice = state.result("voice", VoiceRendered)
            return JobCompleted(
                video=video.video,
                report=video.report,
                poster=video.poster,
                sheet=video.sheet,
                voiceover=voice.voiceover if voice is not None else None,
                manifest=video.manifest,
                images=video.images,
            )


def _lacking(state: RunState) -> JobFailed | None:
    """Why the video is not worth going on with: too many scenes had to be filled. None: it is."""
    board = state.result("plan", StoryboardPlanned)
    if board is None or state.brief.kind not in COMPOSING:
        return None
    takes, count = state.takes, len(board.shots)
    filled = sum(shot.scene.id in takes and takes[shot.scene.id].filled for shot in board.shots)
    least = min(LEAST_WANTED, count)
    if count - filled >= least:
        return None
    told = f"GPU servers could not make {filled} of {count} scenes; at least {least} have to be theirs."
    return JobFailed(code="too_few_scenes", message=told)


def _after_the_end(state: RunState, ending: Fact, now: datetime) -> dict[str, TaskBody]:
    """The tasks that go on after the run: telling those who want to be told."""
    return {target.task: order_of(state, ending, target, now) for target in state.targets}


def _next_step(state: RunState, tasks: Mapping[str, TaskBody], key: str, now: datetime) -> list[Decision]:
    """The first try, the next one, nothing while one is out, or the end."""
    if kind_of(key) in AHEAD and state.task(key).attempts:
        return []
    match verdict(state, key, tasks, now):
        case None:
            return []
        case Try(wait=wait):
            return [Order(task=_task(state, key, tasks[key]), wait=wait)]
        case Remake(producer=producer):
            return [Order(task=_task(state, producer, tasks[producer]), anew=True)]
        case Hopeless(attempt=attempt, failure=failure):
            return _give_up(state, key, attempt, failure, now)


def _give_up(state: RunState, key: str, attempt: int, failure: TaskAttemptFailed, now: datetime) -> list[Decision]:
    """A dead letter; and unless the run has ended already or can do without, its end."""
    brief = state.brief
    letter_id = letter_of(brief.job_id, state.run, key, attempt)
    if letter_id in state.given_up:
        return []
    code = failure.code if failure.code in CODES else "unexpected"
    letter = DeadLetter(
        id=letter_id,
        kind=kind_of(key),
        job_id=brief.job_id,
        run=state.run,
        task=key,
        attempt=attempt,
        code=code,
        at=now,
    )
    if state.ending is not None or kind_of(key) == "imagine":
        return [GiveUp(letter=letter)]
    failed = JobFailed(code=code, message=failure.message, task=key)
    return [GiveUp(letter=letter), *_end(state, failed, "failed", now)]


def cancel(state: RunState, now: datetime, reason: str = "") -> list[Decision]:
    """End the run because somebody says so; nothing when it has ended."""
    return [] if state.ending is not None else _end(state, JobCancelled(reason=reason), "cancelled", now)


def refuse(state: RunState, error: BeatloomError, now: datetime) -> list[Decision]:
    """End the run because of what its fetched files have shown."""
    return _end(state, JobFailed(code=error.code, message=error.message, task="fetch"), "failed", now)


def supersede(state: RunState, now: datetime) -> list[Decision]:
    """Tell the workers that a newer run has taken over from this one."""
    return [Control(job_id=state.brief.job_id, ended_run=state.run, state="superseded", at=now)]


def notify_again(state: RunState, now: datetime, key: str) -> list[Decision]:
    """Tell one receiver of an ended run again, with the same id and new tries; nothing when it wants no more."""
    tasks = {} if state.ending is None else _after_the_end(state, state.ending, now)
    return [Order(task=_task(state, key, tasks[key]), anew=True)] if key in tasks else []


def settle(state: RunState, now: datetime, first: list[Decision] | None = None) -> tuple[RunState, list[Decision]]:
    """Carry out `first`, then decide until nothing more is due. The state then, and all that was decided."""
    decided: list[Decision] = []
    seq = next_seq(state)
    state, batch = _pay(state, decide(state, now) if first is None else first)
    while batch:
        decided += batch
        for decision in batch:
            match decision:
                case Order(task=task, anew=anew, price=price):
                    ceiling = price.ceiling if price is not None and state.purse.capped else None
                    order = Ordered(seq=seq, at=now, anew=anew, ceiling=ceiling)
                    state = record_order(state, task.task, task.attempt, order)
                    seq += 1
                case Fact():
                    state = apply(state, decision)
                case GiveUp(letter=letter):
                    state = record_given_up(state, letter.id)
                case Control():
                    pass
        state, batch = _pay(state, decide(state, now))
    return state, decided


def _pay(state: RunState, batch: list[Decision]) -> tuple[RunState, list[Decision]]:
    """What there is money for: each task that costs something takes its part of the purse with it."""
    purse, lacks, due = state.purse, 0, list[Decision]()
    for decision in batch:
        price = price_of(state, decision.task) if isinstance(decision, Order) else None
        if not isinstance(decision, Order) or price is None:
            due.append(decision)
        elif purse.has(price.reserved):
            purse = purse.reserve(price.reserved)
            task = with_ceiling(decision.task, price.ceiling) if purse.capped else decision.task
            due.append(msgspec.structs.replace(decision, task=task, price=price))
        else:
            lacks = max(lacks, price.reserved)
    paused = purse.blocked_by(lacks) if lacks else None
    return msgspec.structs.replace(state, purse=purse, lacks=lacks, paused=paused), due


def _task(state: RunState, key: str, body: TaskBody) -> Task:
    """The next attempt of a task."""
    number = max((try_.number for try_, _ in state.task(key).ordered), default=0) + 1
    brief = state.brief
    return Task(
        job_id=brief.job_id,
        run=state.run,
        task=key,
        attempt=number,
        owner=brief.owner,
        body=body,
        priority="high" if rank_of(brief.kind, brief.options.priority) == 0 else "low",
    )


def _end(
    state: RunState, body: JobFailed | JobCancelled, word: Literal["failed", "cancelled"], now: datetime
) -> list[Decision]:
    control = Control(job_id=state.brief.job_id, ended_run=state.run, state=word, at=now)
    return [_own_fact(state, body, now), control]


def _own_fact(state: RunState, body: JobCompleted | JobFailed | JobCancelled, now: datetime) -> Fact:
    return Fact(job_id=state.brief.job_id, run=state.run, task="", attempt=0, at=now, body=body)
