"""What clients are told: the data of each server-sent event.

The ledger writes all but the last two as rows, numbered within the job;
`Progress` and the snapshot are made by the process that serves the stream and have no number.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from libs.contracts.announcements import BudgetNews
from libs.contracts.codes import CODES
from libs.contracts.jobs import State

EventName = Literal[
    "stage_update",
    "progress",
    "message",
    "cost_update",
    "budget_warning",
    "budget_paused",
    "completed",
    "error",
    "snapshot",
]

Meta = msgspec.Meta

TOLD_VIDEO = "stitched_subtitled.mp4"
"""The name of a narrated video among a job's files; so are the next two."""
VOICEOVER = "voiceover.mp3"
MANIFEST = "manifest.json"


class StageUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A run entered a stage, or has one more scene."""

    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    status: Annotated[State, Meta(description="The stage in work.")]
    at: Annotated[datetime, Meta(description="When, with its offset from UTC.")]
    scenes_done: Annotated[int, Meta(description="Scenes whose clip is ready.")] = 0
    scenes_total: Annotated[int, Meta(description="Scenes of the storyboard; 0 until it is planned.")] = 0


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person should know of and that doesn't stop the work."""

    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    level: Annotated[Literal["info", "warning"], Meta(description="How much it matters.")] = "info"
    code: Annotated[str, Meta(description="A stable slug; `docs/errors.md` has those of failed attempts.")] = ""
    message: Annotated[str, Meta(description="One sentence for people.")]
    at: Annotated[datetime, Meta(description="When, with its offset from UTC.")]


class CostUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of work has told what it has cost. Sums are over all runs of the job."""

    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    cost: Annotated[float, Meta(description="What the job has cost so far, in the currency of the settings.")]
    reserved: Annotated[float, Meta(description="What its work that is under way may still cost.")]
    cap: Annotated[float | None, Meta(description="What the job may cost; null: there is no cap.")]
    currency: Annotated[str, Meta(description="As in `USD`.")]
    gpu_seconds: Annotated[float, Meta(description="On GPU servers, attempts that gave nothing included.")]
    characters: Annotated[int, Meta(description="That were spoken.")] = 0
    tokens: Annotated[int, Meta(description="Of language models.")] = 0
    at: Annotated[datetime, Meta(description="When, with its offset from UTC.")]


class BudgetWarning(BudgetNews, frozen=True, kw_only=True):
    """80 % of a cap are spent. Told once for each cap."""

    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    at: Annotated[datetime, Meta(description="When, with its offset from UTC.")]


class BudgetPaused(BudgetNews, frozen=True, kw_only=True):
    """The next piece of work may cost more than a cap has left: the run waits until more is approved."""

    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    at: Annotated[datetime, Meta(description="When, with its offset from UTC.")]


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """What was ordered is ready. Nothing of this run follows."""

    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    download: Annotated[
        str | None, Meta(description="Path of the video on this API; null for a job that makes none.")
    ]
    files: Annotated[str, Meta(description="Path of the list of all files on this API.")]
    at: Annotated[datetime, Meta(description="When, with its offset from UTC.")]


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The run ended without a video: it failed, or somebody cancelled it. Nothing of this run follows."""

    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    status: Annotated[State, Meta(description="`failed` or `cancelled`.")]
    code: Annotated[str, Meta(description="A stable slug of `docs/errors.md`; `job_cancelled` when cancelled.")]
    title: Annotated[str, Meta(description="What the code means.")]
    message: Annotated[str, Meta(description="What happened this time.")]
    hint: Annotated[str, Meta(description="What to do next.")]
    at: Annotated[datetime, Meta(description="When, with its offset from UTC.")]


class ProgressEvent(msgspec.Struct, frozen=True, kw_only=True):
    """How far the run is. Chatter: has no id, may be left out for slow clients, never goes backwards."""

    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    stage: Annotated[State, Meta(description="The stage in work.")]
    percent: Annotated[float, Meta(description="0..100 of the whole run.")]
    doing: Annotated[str, Meta(description="What is being made now, for people; may be empty.")] = ""
    scenes_done: Annotated[int, Meta(description="Scenes whose clip is ready.")] = 0
    scenes_total: Annotated[int, Meta(description="Scenes of the storyboard; 0 until it is planned.")] = 0
    seconds_left: Annotated[float | None, Meta(description="A guess; null while there is no ground for one.")] = (
        None
    )


def download_path(job_id: str) -> str:
    """Path of a job's video on the API."""
    return f"/api/v1/jobs/{job_id}/download"


def video_path(job_id: str, *, narrated: bool = False) -> str:
    """Path of a job's video as one of its files."""
    return f"{files_path(job_id)}/{TOLD_VIDEO}" if narrated else download_path(job_id)


def files_path(job_id: str) -> str:
    """Path of the list of a job's files on the API."""
    return f"/api/v1/jobs/{job_id}/files"


def completed(job_id: str, run: int, at: datetime, *, video: bool = True) -> Completed:
    """The event of a run that ended well."""
    return Completed(run=run, download=download_path(job_id) if video else None, files=files_path(job_id), at=at)


def failed(run: int, status: State, code: str, message: str, at: datetime) -> Failed:
    """The event of a run that ended badly; title and hint come from the table of codes."""
    entry = CODES.get(code, CODES["unexpected"])
    return Failed(
        run=run, status=status, code=code, title=entry.title, message=message or entry.title, hint=entry.hint, at=at
    )
