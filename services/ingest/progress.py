"""How far a job is right now: what the ledger knows, and the latest chatter of its tasks.

The chatter lives in this process only and may be lost: the percentage then moves in larger steps.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from libs.contracts.jobs import STAGE_WEIGHTS, State, percent_of
from libs.contracts.messages import Progress
from services.ingest.records import JobSnapshot

MAX_JOBS = 1000
MAX_TASKS = 1000
"""Chatter kept at most: jobs, and tasks of each."""

EARLY_PERCENT = 4.0
EARLY_SECONDS = 4.0
"""Before both, nothing is said about the time that is left."""

_ANIMATE = "animate."
_WORDS: dict[State, str] = {
    State.QUEUED: "waiting for its turn",
    State.ANALYZING: "listening to the song",
    State.PLANNING: "planning the scenes",
    State.REVIEWING: "reviewing the scenes",
    State.AWAITING_FEEDBACK: "waiting until more money is approved",
    State.COMPOSING: "cutting the video to the song",
}
_TOLD_WORDS: dict[State, str] = {
    **_WORDS,
    State.ANALYZING: "reading the script aloud",
    State.COMPOSING: "cutting the video to the voice",
}
_TASK_OF: dict[State, str] = {State.ANALYZING: "analyze", State.PLANNING: "plan", State.COMPOSING: "compose"}


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """What is said about a job that is under way."""

    percent: float
    """0..100 of the whole; never falls within a run."""
    doing: str
    seconds_left: float | None


class _Run:
    """The latest chatter of a job's newest run, and the highest percentage that was shown."""

    def __init__(self, run: int) -> None:
        self.run = run
        self.tasks: dict[str, Progress] = {}
        self.shown = 0.0


class ProgressBoard:
    """The latest progress of every running task that this process heard of."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, _Run] = OrderedDict()

    def take(self, progress: Progress) -> None:
        """Note a task's progress; that of older runs and attempts is ignored."""
        board = self._run(progress.job_id, progress.run)
        if board.run != progress.run:
            return
        before = board.tasks.get(progress.task)
        if before is None and len(board.tasks) >= MAX_TASKS:
            return
        if before is None or progress.attempt >= before.attempt:
            board.tasks[progress.task] = progress

    def live(self, snapshot: JobSnapshot, now: datetime) -> Live:
        """What to say about the job; for an ended one, what was reached."""
        if snapshot.state.ended:
            past = self._jobs.get(snapshot.job_id)
            reached = percent_reached(snapshot)
            if past is not None and past.run == snapshot.run:
                past.tasks.clear()
                reached = max(reached, past.shown)
            return Live(percent=_rounded(snapshot.state, reached), doing="", seconds_left=None)
        board = self._run(snapshot.job_id, snapshot.run)
        if board.run != snapshot.run:  # the chatter is ahead of what the ledger said
            reached, tasks = percent_reached(snapshot), {}
        else:
            for scene in snapshot.clips:
                board.tasks.pop(f"{_ANIMATE}{scene}", None)
            tasks = board.tasks
            reached = percent_of(snapshot.state, stage_fraction(snapshot, tasks))
            board.shown = reached = max(board.shown, reached, percent_reached(snapshot))
        percent = _rounded(snapshot.state, reached)
        return Live(percent=percent, doing=doing(snapshot), seconds_left=seconds_left(snapshot, percent, now))

    def _run(self, job_id: str, run: int) -> _Run:
        known = self._jobs.get(job_id)
        if known is None or known.run < run:
            known = self._jobs[job_id] = _Run(run)
        self._jobs.move_to_end(job_id)
        while len(self._jobs) > MAX_JOBS:
            self._jobs.popitem(last=False)
        return known


def _rounded(state: State, percent: float) -> float:
    """One decimal, cut off; 100 is kept for what is completed."""
    return 100.0 if state is State.COMPLETED else min(math.floor(percent * 10) / 10, 99.9)


def stage_fraction(snapshot: JobSnapshot, tasks: Mapping[str, Progress]) -> float:
    """How much of the current stage is done, 0..1; `tasks` is the chatter of those that run."""
    if snapshot.state is not State.GENERATING:
        told = snapshot.narrated is not None and snapshot.state is State.ANALYZING
        task = tasks.get("voice" if told else _TASK_OF.get(snapshot.state, ""))
        return _clamped(task.fraction) if task else 0.0
    if not snapshot.scenes_total:
        return 0.0
    known = len(snapshot.clips) == snapshot.scenes_done  # a list's snapshot has no clips to tell who is finished
    running = sum(_clamped(task.fraction) for task in _scenes(tasks)) if known else 0.0
    return min((snapshot.scenes_done + running) / snapshot.scenes_total, 1.0)


def percent_reached(snapshot: JobSnapshot) -> float:
    """Percent by what the ledger alone knows; for an ended run, how far it had come."""
    if snapshot.state is State.COMPLETED:
        return 100.0
    entered = [stage.state for stage in snapshot.stages if stage.state in STAGE_WEIGHTS]
    if not entered:
        return 0.0
    fraction = snapshot.scenes_done / snapshot.scenes_total if snapshot.scenes_total else 0.0
    return max(percent_of(state, fraction if state is State.GENERATING else 0.0) for state in entered)


def doing(snapshot: JobSnapshot) -> str:
    """What is being made now, in a few words."""
    if snapshot.state is not State.GENERATING:
        return (_WORDS if snapshot.narrated is None else _TOLD_WORDS).get(snapshot.state, "")
    total = snapshot.scenes_total
    if snapshot.scenes_done >= total:
        return "finishing the scenes"
    return f"scene {snapshot.scenes_done + 1} of {total}"


def seconds_left(snapshot: JobSnapshot, percent: float, now: datetime) -> float | None:
    """A guess from the time that the percentage took; None early, and for what has ended."""
    begun = next((stage.started_at for stage in snapshot.stages if stage.state in STAGE_WEIGHTS), None)
    if begun is None or snapshot.state.ended or percent < EARLY_PERCENT:
        return None
    elapsed = (now - begun).total_seconds()
    if elapsed < EARLY_SECONDS:
        return None
    return round(elapsed * (100.0 - percent) / percent, 1)


def _scenes(tasks: Mapping[str, Progress]) -> Iterable[Progress]:
    return (task for key, task in tasks.items() if key.startswith(_ANIMATE))


def _clamped(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0) if math.isfinite(fraction) else 0.0
