"""What the HTTP API answers: structs, and the pure functions that make them from the ledger's snapshots."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from libs.contracts.analysis import Notice
from libs.contracts.codes import CODES
from libs.contracts.jobs import JobOptions, State
from services.ingest.events import download_path, files_path

Meta = msgspec.Meta


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Paths on this API. Those that would answer 409 now are null."""

    self_: Annotated[str, Meta(description="The job itself.")] = msgspec.field(name="self")
    stream: Annotated[str, Meta(description="Server-sent events; see docs/events.md.")]
    files: Annotated[str, Meta(description="The list of the job's files.")]
    download: Annotated[str | None, Meta(description="The video, once there is one.")] = None
    cancel: Annotated[str | None, Meta(description="POST here to cancel, while it runs.")] = None
    retry: Annotated[str | None, Meta(description="POST here to open a new run, once it has ended.")] = None


class JobAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The order was taken."""

    job_id: str
    status: State
    links: Links


class RunOpened(msgspec.Struct, frozen=True, kw_only=True):
    """A new run of the job was opened; what is finished already is not made again."""

    job_id: str
    run: int
    status: State
    links: Links


class StageView(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that the run has entered."""

    stage: State
    started_at: datetime
    ended_at: Annotated[datetime | None, Meta(description="Null while the stage is in work.")] = None
    seconds: Annotated[float | None, Meta(description="How long it took; null while it is in work.")] = None


class JobError(msgspec.Struct, frozen=True, kw_only=True):
    """Why the run ended without a video."""

    code: Annotated[str, Meta(description="A stable slug; docs/errors.md lists them.")]
    title: str
    message: str
    hint: str


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job as of now."""

    job_id: str
    run: Annotated[int, Meta(description="The current run, from 1; `retry` opens the next.")]
    status: State
    stage: Annotated[State, Meta(description="The same as status: a stage is named after its state.")]
    percent: Annotated[float, Meta(description="0..100 of the whole; never falls within a run.")]
    doing: Annotated[str, Meta(description="What is being made now, for people; may be empty.")] = ""
    seconds_left: Annotated[float | None, Meta(description="A guess; null while there is no ground for one.")] = (
        None
    )
    created_at: datetime
    song_name: Annotated[str, Meta(description="Name of the uploaded file, cleaned for display.")]
    duration: Annotated[float, Meta(description="Seconds of the song.")]
    options: JobOptions
    stages: tuple[StageView, ...] = ()
    scenes_done: int = 0
    scenes_total: Annotated[int, Meta(description="0 until the storyboard is planned.")] = 0
    error: JobError | None = None
    notices: tuple[Notice, ...] = ()
    links: Links


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs, the newest first."""

    jobs: tuple[JobView, ...]
    next: Annotated[str | None, Meta(description="Path of the next page; null on the last.")] = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The whole job, for a client whose last event is gone. Its number is the last event that it includes."""

    last_event: Annotated[int, Meta(description="Number of the last event that this includes.")]
    job: Annotated[JobView, Meta(description="The job, as `GET /api/v1/jobs/{id}` answers.")]


class FileView(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the job has made so far."""

    name: Annotated[str, Meta(description="Path below /files/, as in `clips/s001.mp4`.")]
    size: Annotated[int, Meta(description="Bytes.")]
    media_type: str
    sha256: Annotated[str, Meta(description="Lower-case hex; the ETag without its quotes.")]
    link: str


class FileList(msgspec.Struct, frozen=True, kw_only=True):
    """The files that are ready."""

    job_id: str
    files: tuple[FileView, ...]


class DeadView(msgspec.Struct, frozen=True, kw_only=True):
    """Work that was given up."""

    id: str
    kind: str
    job_id: str
    run: int
    task: str
    attempt: int
    code: str
    title: str
    hint: str
    at: datetime
    link: Annotated[str, Meta(description="Path of this dead letter; its id is in base64url there.")]


class DeadList(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters, the newest first."""

    letters: tuple[DeadView, ...]


def links(job_id: str, state: State) -> Links:
    """The job's links; what its state doesn't allow is left out."""
    base = f"/api/v1/jobs/{job_id}"
    return Links(
        self_=base,
        stream=f"{base}/stream",
        files=files_path(job_id),
        download=download_path(job_id) if state is State.COMPLETED else None,
        cancel=None if state.ended else f"{base}/cancel",
        retry=f"{base}/retry" if state.ended else None,
    )


def job_error(code: str, message: str) -> JobError:
    """An error with the words of the table of codes."""
    entry = CODES.get(code, CODES["unexpected"])
    return JobError(code=code, title=entry.title, message=message or entry.title, hint=entry.hint)
