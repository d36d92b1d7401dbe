"""What goes into the ledger and what is read out of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from libs.contracts.analysis import Notice
from libs.contracts.artifacts import Blob
from libs.contracts.jobs import JobKind, JobOptions, State
from libs.contracts.messages import DeadLetter
from services.ingest.brief import Given, NarratedFiles

EventName = Literal[
    "stage_update", "message", "cost_update", "budget_warning", "budget_paused", "completed", "error"
]


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """An order: files that have been probed and stored, and what is wished for."""

    owner: str
    options: JobOptions
    """With the seed filled in."""
    song: Blob | None
    """None: it is to be fetched, or there is none; see `given`."""
    song_name: str
    """As the user called it; never part of a key or a path."""
    lyrics: Blob | None = None
    image: Blob | None = None
    duration: float
    """Seconds, as probed; of a script, as guessed."""
    characters: int = 0
    """That are spoken of a script."""
    notices: tuple[Notice, ...] = ()
    kind: JobKind = "full"
    project_id: str = ""
    """The project that it is about; "": one of its own, made with it."""
    given: Given = Given()
    caption: str = ""
    """The text of the post, as the client wants it told again."""
    client_run: str = ""
    """What the client calls the run."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The job that stands for an order; `created` is false when an idempotency key found it."""

    job_id: str
    created: bool


class StageTime(msgspec.Struct, frozen=True, kw_only=True):
    """When the run was in a stage. `ended_at` is None for the one it is in."""

    state: State
    started_at: datetime
    ended_at: datetime | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run ended badly."""

    code: str
    """A slug of libs.contracts.codes.CODES."""
    message: str
    task: str = ""


class JobSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its current run stands."""

    job_id: str
    project_id: str
    owner: str
    kind: JobKind = "full"
    caption: str = ""
    client_run: str = ""
    run: int
    state: State
    options: JobOptions
    song_name: str
    duration: float
    """Seconds of song, or of what is told: a guess until it is spoken."""
    created_at: datetime
    """When the job was accepted."""
    started_at: datetime
    """When the current run was opened."""
    ended_at: datetime | None
    """When the current run ended."""
    stages: tuple[StageTime, ...]
    """In order, `queued` first, of the current run. Terminal states have none."""
    scenes_total: int
    """0 until the storyboard is there."""
    scenes_done: int
    error: Failure | None
    """Set for failed and cancelled runs."""
    notices: tuple[Notice, ...]
    analysis: Blob | None
    storyboard: Blob | None
    video: Blob | None
    report: Blob | None
    poster: Blob | None
    sheet: Blob | None
    clips: dict[str, Blob]
    """Scene id to clip. Empty in lists."""
    narrated: NarratedFiles | None = None
    """Set when a script is told, or was; empty in lists."""
    waits_for: str = ""
    """What keeps it from going on that is none of its tasks: "turn", "money" or ""."""


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event that clients see. `number` counts from 1 within the job, over all its runs."""

    number: int
    run: int
    name: EventName
    data: bytes
    """JSON: one of the structs of services.ingest.events."""
    at: datetime


class AttemptError(msgspec.Struct, frozen=True, kw_only=True):
    """One failed try, as the ledger keeps it."""

    attempt: int
    at: datetime
    code: str
    message: str
    retryable: bool
    detail: str = ""
    """For operators."""


class DeadRow(DeadLetter, frozen=True, kw_only=True):
    """Work that was given up, with its history. `id` is the message id of its last try; it holds slashes."""

    errors: tuple[AttemptError, ...] = ()
    """The history, oldest first. Empty in lists."""
