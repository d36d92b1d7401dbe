"""A job's events, live."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from services.ingest import streams
from services.ingest.parts import Parts, now
from services.ingest.routes.documents import COMMON, NO_JOB
from services.ingest.routes.jobs import JobId, job_id_of


@get(
    "/jobs/{job_id:str}/stream",
    operation_id="streamJob",
    tags=["Events"],
    summary="Follow a job",
    description=(
        "Server-sent events `stage_update`, `progress`, `message`, `completed`, `error` and `snapshot`, from the"
        " first one on, or from where `Last-Event-ID` says. See docs/events.md."
    ),
    responses={
        **COMMON,
        200: ResponseSpec(str, description="The events.", media_type="text/event-stream", generate_examples=False),
        204: ResponseSpec(None, description="The run has ended, and its end was seen."),
        404: NO_JOB,
    },
)
async def stream_job(
    job_id: JobId,
    parts: NamedDependency[Parts],
    last_event_id: Annotated[
        str, HeaderParameter(name="Last-Event-ID", description="The id of the last event that was seen.")
    ] = "",
    seen: Annotated[
        str, QueryParameter(name="last_event_id", description="The same, for clients that can't set headers.")
    ] = "",
) -> Response[None]:
    """Follow a job."""
    start = await streams.find_start(parts.ledger, job_id_of(job_id), last_event_id or seen)
    if start is None:
        return Response(None, status_code=204)
    events = streams.follow(parts.hub, parts.ledger, job_id, start, now=now)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(events, media_type="text/event-stream", headers=headers)  # type: ignore[return-value]  # streamed


HANDLERS = (stream_job,)
