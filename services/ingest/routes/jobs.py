"""Orders: taken, listed, looked at, cancelled, run again."""

from __future__ import annotations

import re
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from libs.contracts.errors import Permanent
from services.ingest import orders, submissions, views
from services.ingest.money.costs import read_job_costs
from services.ingest.parts import Parts, now
from services.ingest.routes.bodies import AnyRequest, body_of, media_type_of
from services.ingest.routes.documents import (
    COMMON,
    KNOWN_JOB,
    NEEDS_GONE,
    NO_JOB,
    ORDERS,
    order_body,
    problem,
    reads,
)
from services.ingest.uploads.receive import receive, receive_document

TAG = "Jobs"
MAX_PAGE = 200
ID = "^[0-9A-Za-z_-]{0,64}$"
"""What an id may look like; nothing where none is given."""

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

JobId = Annotated[str, PathParameter(description="The job's id, as POST /api/v1/jobs answered it.")]


def job_id_of(text: str) -> str:
    """A job id as it stands in a path. Raises Permanent("job_not_found") for what can't be one."""
    if not _JOB_ID.fullmatch(text):
        raise Permanent("job_not_found")
    return text


@post(
    "/jobs",
    status_code=202,
    limit="orders",
    request_max_body_size=None,  # uploads.receive has limits of its own, for each part
    operation_id="createJob",
    operation_class=reads(order_body(submissions.Submission)),
    tags=[TAG],
    summary="Order a video",
    description="Takes a song, and if wanted a picture, lyrics and options, and begins to make a video of it; or a"
    " script, which is told over the song, if there is one. As"
    " JSON, it takes their addresses, or the ids of uploads. A song at an address, and the picture with it, is"
    " fetched by the job, which fails where that can't be.",
    responses={
        **ORDERS,
        200: KNOWN_JOB,
        400: problem("The body can't be read, or holds neither song nor script."),
        404: problem("There is no such upload, or no more."),
        409: problem("An upload is not complete."),
        413: problem("A part is too large, or your files would take more space than they may."),
        422: problem("A file or an option is not valid, or the Idempotency-Key was used with another body."),
        424: problem("A picture could not be fetched from its address; try again."),
        507: problem("There is no space left."),
    },
)
async def create_job(
    request: AnyRequest,
    parts: NamedDependency[Parts],
    idempotency_key: Annotated[
        str,
        HeaderParameter(
            name="Idempotency-Key",
            description="1 to 200 visible ASCII characters; the same key within 24 hours finds the same job.",
        ),
    ] = "",
) -> Response[views.JobAccepted]:
    """Order a video."""
    key = orders.check_key(idempotency_key)
    async with body_of(request) as body:
        if media_type_of(request) == "application/json":
            submission = submissions.read_submission(await receive_document(body, limit=submissions.MOST_BYTES))
            accepted = await submissions.submit(parts, submission, key=key)
        else:
            async with parts.scratch.folder() as folder:
                sent = await receive(
                    body,
                    orders.FORM,
                    content_type=request.headers.get("Content-Type", ""),
                    content_length=request.content_length,
                    folder=folder,
                )
                accepted = await orders.place(parts, orders.order_of(sent), key=key)
    snapshot = await parts.ledger.snapshot(accepted.job_id)
    found = views.JobAccepted(
        job_id=snapshot.job_id, status=snapshot.state, links=views.links(snapshot.job_id, snapshot.state)
    )
    headers = {"Location": found.links.self_}
    return Response(found, status_code=202 if accepted.created else 200, headers=headers)


@get(
    "/jobs",
    operation_id="listJobs",
    tags=[TAG],
    summary="List the jobs",
    description="The newest first. `next` leads to the older ones.",
    responses={**COMMON},
)
async def list_jobs(
    parts: NamedDependency[Parts],
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="Jobs on a page.")] = 50,
    before: Annotated[str, QueryParameter(pattern=ID, description="The last job id of the page before.")] = "",
) -> views.JobList:
    """List the jobs."""
    found = await parts.ledger.snapshots(parts.owner, limit=limit, before=job_id_of(before) if before else None)
    at, board = now(), parts.hub.board
    places = [await parts.ledger.place(snapshot) for snapshot in found]
    return views.JobList(
        jobs=tuple(
            views.job_view(snapshot, board.live(snapshot, at), place)
            for snapshot, place in zip(found, places, strict=True)
        ),
        next=f"/api/v1/jobs?limit={limit}&before={found[-1].job_id}" if len(found) == limit else None,
    )


@get(
    "/jobs/{job_id:str}",
    operation_id="getJob",
    tags=[TAG],
    summary="Look at a job",
    description="Status, progress, stages with their times, costs, error, notices and links.",
    responses={**COMMON, 404: NO_JOB},
)
async def get_job(job_id: JobId, parts: NamedDependency[Parts]) -> views.JobView:
    """Look at a job."""
    snapshot = await parts.ledger.snapshot(job_id_of(job_id))
    place = await parts.ledger.place(snapshot)
    costs = await parts.desk.database.look(read_job_costs, job_id)
    return views.job_view(snapshot, parts.hub.board.live(snapshot, now()), place, costs)


@post(
    "/jobs/{job_id:str}/cancel",
    status_code=202,
    operation_id="cancelJob",
    tags=[TAG],
    summary="Cancel a job",
    description="Ends the current run. Work under way stops within seconds; what is finished is kept for a retry.",
    responses={**COMMON, 404: NO_JOB, 409: problem("The job has ended already.")},
)
async def cancel_job(job_id: JobId, parts: NamedDependency[Parts]) -> views.JobAccepted:
    """Cancel a job."""
    await parts.ledger.cancel(job_id_of(job_id))
    snapshot = await parts.ledger.snapshot(job_id)
    return views.JobAccepted(job_id=job_id, status=snapshot.state, links=views.links(job_id, snapshot.state))


@post(
    "/jobs/{job_id:str}/retry",
    status_code=202,
    operation_id="retryJob",
    tags=[TAG],
    summary="Run an ended job again",
    description="Opens a new run of the same job; finished work is not done again.",
    responses={
        **COMMON,
        404: NO_JOB,
        409: problem("The job is still running, or its project has changed too much since."),
        410: NEEDS_GONE,
    },
)
async def retry_job(job_id: JobId, parts: NamedDependency[Parts]) -> views.RunOpened:
    """Run an ended job again."""
    run = await parts.ledger.retry(job_id_of(job_id), parts.caller)
    snapshot = await parts.ledger.snapshot(job_id)
    return views.RunOpened(job_id=job_id, run=run, status=snapshot.state, links=views.links(job_id, snapshot.state))


HANDLERS = (create_job, list_jobs, get_job, cancel_job, retry_job)
