"""What the HTTP API answers: structs, and the pure functions that make them from the ledger's snapshots."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated

import msgspec

from libs.contracts.analysis import Notice
from libs.contracts.artifacts import Blob
from libs.contracts.codes import CODES
from libs.contracts.errors import Permanent
from libs.contracts.jobs import COMPOSING, JobKind, JobOptions, State
from services.ingest.events import MANIFEST, TOLD_VIDEO, VOICEOVER, download_path, files_path
from services.ingest.money.costs import CostsView
from services.ingest.names import stem
from services.ingest.progress import Live
from services.ingest.published import Published
from services.ingest.records import AttemptError, DeadRow, JobSnapshot

Meta = msgspec.Meta

VIDEO = "video.mp4"
"""The name of the video among a job's files."""


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Paths on this API. Those that would answer 409 now are null."""

    self_: Annotated[str, Meta(description="The job itself.")] = msgspec.field(name="self")
    stream: Annotated[str, Meta(description="Server-sent events; see docs/events.md.")]
    files: Annotated[str, Meta(description="The list of the job's files.")]
    download: Annotated[str | None, Meta(description="The video, once there is one.")] = None
    cancel: Annotated[str | None, Meta(description="POST here to cancel, while it runs.")] = None
    retry: Annotated[str | None, Meta(description="POST here to open a new run, once it has ended.")] = None
    approve: Annotated[
        str | None, Meta(description="POST here to let the job spend more, while it waits for that.")
    ] = None


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
    project_id: Annotated[str, Meta(description="The project that it is about.")]
    kind: Annotated[JobKind, Meta(description="What was ordered of the project.")]
    run: Annotated[int, Meta(description="The current run, from 1; `retry` opens the next.")]
    run_id: Annotated[str, Meta(description="What the client calls the run; empty when it said nothing.")] = ""
    caption: Annotated[str, Meta(description="The text of the post, as the client gave it.")] = ""
    status: State
    stage: Annotated[State, Meta(description="The same as status: a stage is named after its state.")]
    percent: Annotated[float, Meta(description="0..100 of the whole; never falls within a run.")]
    doing: Annotated[str, Meta(description="What is being made now, for people; may be empty.")] = ""
    seconds_left: Annotated[float | None, Meta(description="A guess; null while there is no ground for one.")] = (
        None
    )
    waits_for: Annotated[
        str, Meta(description="What it waits for besides its work: `turn`, `money` or nothing; see docs/limits.md.")
    ] = ""
    queue_position: Annotated[
        int | None, Meta(description="While it waits for its turn: 1 is next. Null otherwise, and in streams.")
    ] = None
    created_at: datetime
    started_at: Annotated[datetime, Meta(description="When the current run was opened.")]
    ended_at: Annotated[datetime | None, Meta(description="When the current run ended.")] = None
    song_name: Annotated[
        str, Meta(description="Name of the uploaded file, or of what is told, cleaned for display.")
    ]
    duration: Annotated[float, Meta(description="Seconds of the song; of a script a guess until it is spoken.")]
    narrated: Annotated[bool, Meta(description="Whether a script is told.")] = False
    options: JobOptions
    stages: tuple[StageView, ...] = ()
    scenes_done: int = 0
    scenes_total: Annotated[int, Meta(description="0 until the storyboard is planned.")] = 0
    error: JobError | None = None
    notices: tuple[Notice, ...] = ()
    costs: Annotated[CostsView | None, Meta(description="Left out in lists and events.")] = None
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


class SignedLink(msgspec.Struct, frozen=True, kw_only=True):
    """An address that works without a login."""

    name: Annotated[str, Meta(description="As in `GET /files`.")]
    size: Annotated[int, Meta(description="Bytes.")]
    media_type: str
    url: str
    expires_at: datetime


class SignedLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of the files that are ready."""

    job_id: str
    links: tuple[SignedLink, ...]


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
    errors: Annotated[tuple[AttemptError, ...], Meta(description="Each failed try, the oldest first.")] = ()
    link: Annotated[str, Meta(description="Path of this dead letter; its id is in base64url there.")]


class DeadList(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters, the newest first."""

    letters: tuple[DeadView, ...]
    next: Annotated[str | None, Meta(description="Path of the next page; null on the last.")] = None


def links(job_id: str, state: State, kind: JobKind = "full") -> Links:
    """The job's links; what its state or its kind doesn't allow is left out."""
    base = f"/api/v1/jobs/{job_id}"
    return Links(
        self_=base,
        stream=f"{base}/stream",
        files=files_path(job_id),
        download=download_path(job_id) if state is State.COMPLETED and kind in COMPOSING else None,
        cancel=None if state.ended else f"{base}/cancel",
        retry=f"{base}/retry" if state.ended else None,
        approve=f"{base}/approve-budget" if state is State.AWAITING_FEEDBACK else None,
    )


def job_error(code: str, message: str) -> JobError:
    """An error with the words of the table of codes."""
    entry = CODES.get(code, CODES["unexpected"])
    return JobError(code=code, title=entry.title, message=message or entry.title, hint=entry.hint)


def job_view(
    snapshot: JobSnapshot, live: Live, place: int | None = None, costs: CostsView | None = None
) -> JobView:
    """A snapshot and its live progress, as clients get them. place: in the line, where it waits for its turn."""
    error = snapshot.error
    return JobView(
        job_id=snapshot.job_id,
        project_id=snapshot.project_id,
        kind=snapshot.kind,
        run=snapshot.run,
        run_id=snapshot.client_run,
        caption=snapshot.caption,
        status=snapshot.state,
        stage=snapshot.state,
        percent=live.percent,
        doing=live.doing,
        seconds_left=live.seconds_left,
        waits_for=snapshot.waits_for,
        queue_position=place,
        created_at=snapshot.created_at,
        started_at=snapshot.started_at,
        ended_at=snapshot.ended_at,
        song_name=snapshot.song_name,
        duration=snapshot.duration,
        narrated=snapshot.narrated is not None,
        options=snapshot.options,
        stages=tuple(
            StageView(
                stage=stage.state,
                started_at=stage.started_at,
                ended_at=stage.ended_at,
                seconds=_seconds(stage.started_at, stage.ended_at),
            )
            for stage in snapshot.stages
        ),
        scenes_done=snapshot.scenes_done,
        scenes_total=snapshot.scenes_total,
        error=job_error(error.code, error.message) if error else None,
        notices=snapshot.notices,
        costs=costs,
        links=links(snapshot.job_id, snapshot.state, snapshot.kind),
    )


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else round((end - start).total_seconds(), 3)


def files_of(snapshot: JobSnapshot) -> dict[str, Blob]:
    """What the job has made so far, by the name below /files/."""
    named = {
        "report.json": snapshot.report,
        "poster.jpg": snapshot.poster,
        "sheet.jpg": snapshot.sheet,
        "analysis.json": snapshot.analysis,
        "storyboard.json": snapshot.storyboard,
        **{f"clips/{scene}.mp4": blob for scene, blob in sorted(snapshot.clips.items())},
    }
    if snapshot.narrated is not None:
        named |= {VOICEOVER: snapshot.narrated.voiceover, MANIFEST: snapshot.narrated.manifest}
        named |= {f"images/{one.scene_id}.jpg": one.blob for one in snapshot.narrated.images}
        if snapshot.state is State.COMPLETED:
            named[TOLD_VIDEO] = snapshot.video
    return {name: blob for name, blob in named.items() if blob is not None}


def _ready(snapshot: JobSnapshot) -> list[tuple[str, Blob, str]]:
    """Name, bytes and path of each file that is ready, the video last."""
    base = files_path(snapshot.job_id)
    found = [(name, blob, f"{base}/{name}") for name, blob in files_of(snapshot).items()]
    if snapshot.narrated is None and snapshot.video is not None and snapshot.state is State.COMPLETED:
        found.append((VIDEO, snapshot.video, download_path(snapshot.job_id)))
    return found


def file_list(snapshot: JobSnapshot) -> FileList:
    """The files that are ready, the video last."""
    return FileList(
        job_id=snapshot.job_id,
        files=tuple(
            FileView(name=name, size=blob.size, media_type=blob.media_type, sha256=blob.sha256, link=link)
            for name, blob, link in _ready(snapshot)
        ),
    )


def save_name(snapshot: JobSnapshot, name: str) -> str:
    """What one of the job's files is called where it is saved."""
    last = "beatloom.mp4" if name in (VIDEO, TOLD_VIDEO) else name.rsplit("/", 1)[-1]
    return f"{stem(snapshot.song_name)}.{last}"


def signed_links(snapshot: JobSnapshot, published: Published) -> SignedLinks:
    """Addresses of the files that are ready, the video last. Raises Permanent("no_secret_key")."""
    signed = []
    for name, blob, path in _ready(snapshot):
        link = published.link(blob, path, save_name(snapshot, name), published.finals)
        signed.append(
            SignedLink(
                name=name, size=blob.size, media_type=blob.media_type, url=link.url, expires_at=link.expires_at
            )
        )
    return SignedLinks(job_id=snapshot.job_id, links=tuple(signed))


def dead_token(letter_id: str) -> str:
    """A dead letter's id as one segment of a path: base64url without padding, since ids hold slashes."""
    return base64.urlsafe_b64encode(letter_id.encode()).rstrip(b"=").decode()


def dead_id(token: str) -> str:
    """The id in a path's segment. Raises Permanent("dead_letter_not_found") when it is none."""
    try:
        if not token.isascii() or len(token) > 2000:
            raise Permanent("dead_letter_not_found")
        found = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
        if "\0" in found:  # PostgreSQL takes none
            raise Permanent("dead_letter_not_found")
        return found
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Permanent("dead_letter_not_found") from error


def dead_view(row: DeadRow) -> DeadView:
    """A dead letter with the words of the table of codes."""
    entry = CODES.get(row.code, CODES["unexpected"])
    return DeadView(
        id=row.id,
        kind=row.kind,
        job_id=row.job_id,
        run=row.run,
        task=row.task,
        attempt=row.attempt,
        code=row.code,
        title=entry.title,
        hint=entry.hint,
        at=row.at,
        errors=row.errors,
        link=f"/api/v1/dead/{dead_token(row.id)}",
    )
