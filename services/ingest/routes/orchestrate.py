"""The contract of n8n flows: start, status, video. Flat answers, addresses ready to be called."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, post, route
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody
from msgspec import Meta

from libs.contracts.errors import Permanent
from libs.contracts.jobs import State
from services.ingest import orchestrate, views
from services.ingest.events import video_path
from services.ingest.orders import check_key
from services.ingest.parts import Parts, now
from services.ingest.records import JobSnapshot
from services.ingest.routes.bodies import AnyRequest
from services.ingest.routes.documents import (
    COMMON,
    GONE,
    NO_JOB,
    ORDERS,
    SIGNED,
    binary,
    exemplified,
    operation_name,
    problem,
)
from services.ingest.routes.files import send
from services.ingest.routes.jobs import JobId, job_id_of

TAG = "Orchestrate"


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The order was taken."""

    job_id: str
    status: orchestrate.Status
    run_id: Annotated[str, Meta(description="What the client calls the run, or its number.")]
    status_url: Annotated[str, Meta(description="Ask here how far it is.")]
    video_url: Annotated[str, Meta(description="The video will be here: 409 until then.")]


class StatusError(msgspec.Struct, frozen=True, kw_only=True):
    """Why the job ended without a video."""

    code: Annotated[str, Meta(description="A stable slug; docs/errors.md lists them.")]
    message: str
    hint: str


class OrchestrateStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far the job is."""

    job_id: str
    run_id: str
    status: orchestrate.Status
    stage: Annotated[State, Meta(description="What is being done now.")]
    percent: Annotated[float, Meta(description="0..100; never falls within a run.")]
    caption: str
    error: StatusError | None
    status_url: str
    video_url: str


def _status_path(job_id: str) -> str:
    return f"/api/v1/orchestrate/status/{job_id}"


def _video_url(parts: Parts, snapshot: JobSnapshot) -> str:
    """An address that needs no login once there is a video, if the settings name a key to sign with."""
    path = video_path(snapshot.job_id, narrated=snapshot.narrated is not None)
    ready = snapshot.state is State.COMPLETED and snapshot.video is not None
    if ready and snapshot.video is not None and parts.published.signs:
        name = views.save_name(snapshot, views.VIDEO)
        return parts.published.link(snapshot.video, path, name, parts.published.finals).url
    return parts.published.plain(f"/api/v1/orchestrate/video/{snapshot.job_id}")


@post(
    "/orchestrate/start",
    status_code=202,
    operation_id="orchestrateStart",
    operation_class=exemplified(
        {
            "audio_url": "https://example.com/song.mp3",
            "caption": "Our new song",
            "prompts": ["a night train"],
            "run_id": "post-17",
            "options": {"aspect": "9:16", "height": 720},
            "callback_url": "https://example.com/hook",
        }
    ),
    tags=[TAG],
    summary="Start a video",
    description=(
        "Of a song, or of a script that is told. Answers at once; files are fetched afterwards. The same"
        " Idempotency-Key with the same body, or the same"
        " `run_id`, finds the same job within 24 hours and answers 200."
    ),
    responses={
        **ORDERS,
        200: ResponseSpec(Started, description="The job that was started before.", generate_examples=False),
        422: problem("An address or an option is not valid, or the Idempotency-Key was used with another body."),
    },
)
async def start(
    data: JSONBody[orchestrate.Start],
    parts: NamedDependency[Parts],
    idempotency_key: Annotated[
        str,
        HeaderParameter(
            name="Idempotency-Key", description="1 to 200 visible ASCII characters; goes before run_id."
        ),
    ] = "",
) -> Response[Started]:
    """Start a video."""
    accepted = await orchestrate.start(parts, data, key=check_key(idempotency_key))
    snapshot = await parts.ledger.snapshot(accepted.job_id)
    found = Started(
        job_id=snapshot.job_id,
        status=orchestrate.status_of(snapshot.state),
        run_id=orchestrate.run_of(snapshot),
        status_url=parts.published.plain(_status_path(snapshot.job_id)),
        video_url=_video_url(parts, snapshot),
    )
    headers = {"Location": _status_path(snapshot.job_id)}
    return Response(found, status_code=202 if accepted.created else 200, headers=headers)


@get(
    "/orchestrate/status/{job_id:str}",
    operation_id="orchestrateStatus",
    tags=[TAG],
    summary="Ask how far a video is",
    description="`status` is queued, running, completed, failed or cancelled; `stage` and `percent` say more.",
    responses={**COMMON, 404: NO_JOB},
)
async def status(job_id: JobId, parts: NamedDependency[Parts]) -> OrchestrateStatus:
    """Ask how far a video is."""
    snapshot = await parts.ledger.snapshot(job_id_of(job_id))
    error = None
    if snapshot.error is not None:
        told = views.job_error(snapshot.error.code, snapshot.error.message)
        error = StatusError(code=told.code, message=told.message, hint=told.hint)
    return OrchestrateStatus(
        job_id=snapshot.job_id,
        run_id=orchestrate.run_of(snapshot),
        status=orchestrate.status_of(snapshot.state),
        stage=snapshot.state,
        percent=parts.hub.board.live(snapshot, now()).percent,
        caption=snapshot.caption,
        error=error,
        status_url=parts.published.plain(_status_path(snapshot.job_id)),
        video_url=_video_url(parts, snapshot),
    )


@route(
    "/orchestrate/video/{job_id:str}",
    http_method=["GET", "HEAD"],
    operation_id=operation_name("OrchestrateVideo"),
    tags=[TAG],
    summary="Get the video",
    description="409 while there is none, with the status in its detail; 410 once it was removed.",
    responses={
        **COMMON,
        200: binary("The video.", "video/mp4"),
        206: binary("The part of it that was asked for.", "video/mp4"),
        304: ResponseSpec(None, description="It has not changed."),
        403: SIGNED,
        404: NO_JOB,
        409: problem("There is no video, or not yet; the detail says how the job stands."),
        410: GONE,
        416: ResponseSpec(None, description="The range lies behind the end."),
    },
)
async def video(request: AnyRequest, job_id: JobId, parts: NamedDependency[Parts]) -> Response[bytes]:
    """Get the video."""
    snapshot = await parts.ledger.snapshot(job_id_of(job_id))
    if snapshot.state is not State.COMPLETED or snapshot.video is None:
        status = orchestrate.status_of(snapshot.state)
        percent = parts.hub.board.live(snapshot, now()).percent
        raise Permanent("not_ready", f"The job is {status}: {snapshot.state} ({percent:.0f} %).")
    return await send(request, parts.store, snapshot.video, views.save_name(snapshot, views.VIDEO))


HANDLERS = (start, status, video)
