"""Events of a job or a project, live."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from libs.contracts.errors import BeatloomError
from services.ingest import job_stream, streams
from services.ingest.access.gate import still_in
from services.ingest.parts import Parts, now
from services.ingest.projects.store import Projects
from services.ingest.projects.stream import ProjectSource
from services.ingest.routes.bodies import AnyRequest
from services.ingest.routes.documents import COMMON, NO_JOB
from services.ingest.routes.jobs import JobId, job_id_of
from services.ingest.routes.projects import NO_PROJECT, ProjectId, project_id_of

TAG = "Events"
ASKED_EVERY_S = 30.0
"""How often it is asked whether who follows may still."""
EVENTS = ResponseSpec(str, description="The events.", media_type="text/event-stream", generate_examples=False)

LastEventId = Annotated[
    str, HeaderParameter(name="Last-Event-ID", description="The id of the last event that was seen.")
]
Seen = Annotated[
    str, QueryParameter(name="last_event_id", description="The same, for clients that can't set headers.")
]


@get(
    "/jobs/{job_id:str}/stream",
    operation_id="streamJob",
    tags=[TAG],
    summary="Follow a job",
    description=(
        "Server-sent events `stage_update`, `progress`, `message`, `completed`, `error` and `snapshot`, from the"
        " first one on, or from where `Last-Event-ID` says. See docs/events.md."
    ),
    responses={
        **COMMON,
        200: EVENTS,
        204: ResponseSpec(None, description="The run has ended, and its end was seen."),
        404: NO_JOB,
    },
)
async def stream_job(
    request: AnyRequest,
    job_id: JobId,
    parts: NamedDependency[Parts],
    last_event_id: LastEventId = "",
    seen: Seen = "",
) -> Response[None]:
    """Follow a job."""
    start = await job_stream.find_start(parts.ledger, job_id_of(job_id), last_event_id or seen)
    if start is None:
        return Response(None, status_code=204)
    source = job_stream.JobSource(parts.ledger, parts.hub.board, job_id, now=now)
    return _answer(request, streams.follow(parts.hub, source, start))


@get(
    "/projects/{project_id:str}/stream",
    operation_id="streamProject",
    tags=[TAG],
    summary="Follow a project",
    description=(
        "Server-sent events: a `snapshot` of the project, then `project_changed`, `scenes_changed`,"
        " `characters_changed`, `take_ready`, `take_chosen`, `job_update`, `job_ended`, `export_ready` and"
        " `output_expiring` as they happen; or what has happened since `Last-Event-ID`. See docs/events.md."
    ),
    responses={**COMMON, 200: EVENTS, 404: NO_PROJECT},
)
async def stream_project(
    request: AnyRequest,
    project_id: ProjectId,
    parts: NamedDependency[Parts],
    last_event_id: LastEventId = "",
    seen: Seen = "",
) -> Response[None]:
    """Follow a project."""
    projects = Projects(parts.desk.database, clock=parts.desk.clock)
    source = ProjectSource(projects, parts.owner, project_id_of(project_id))
    return _answer(request, streams.follow(parts.hub, source, await source.start(last_event_id or seen)))


def _answer(request: AnyRequest, events: AsyncGenerator[bytes, None]) -> Response[None]:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(_while_let_in(request, events), media_type="text/event-stream", headers=headers)  # type: ignore[return-value]  # streamed


async def _while_let_in(request: AnyRequest, events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The events, until whoever follows is logged out or switched off. Something is said every 15 s at least."""
    asked = time.monotonic()
    async with aclosing(events):
        async for chunk in events:
            if time.monotonic() - asked > ASKED_EVERY_S:
                try:
                    await still_in(request)
                except BeatloomError as error:
                    yield f": {error.code}\n\n".encode()
                    return
                asked = time.monotonic()
            yield chunk


HANDLERS = (stream_job, stream_project)
