"""A project's videos: ordered, listed, downloaded."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from litestar import Response, get, post, route
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta

from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent
from libs.contracts.jobs import Aspect
from libs.contracts.report import Report
from services.ingest import tables as t
from services.ingest import views
from services.ingest.keeping.references import removed_of
from services.ingest.names import stem
from services.ingest.orders import check_key
from services.ingest.parts import Parts, now
from services.ingest.projects.bodies import Body, View
from services.ingest.projects.orders import Wish
from services.ingest.routes.bodies import AnyRequest, Expires, Signature
from services.ingest.routes.documents import (
    ANY_TYPE,
    COMMON,
    GONE,
    ORDERS,
    binary,
    exemplified,
    file_answers,
    operation_name,
    problem,
)
from services.ingest.routes.files import send
from services.ingest.routes.jobs import MAX_PAGE
from services.ingest.routes.making import (
    IdempotencyKey,
    accepted_view,
    checked_url,
    digest_of,
    orders_of,
)
from services.ingest.routes.projects import NO_PROJECT, ProjectId

TAG = "Exports"
NO_EXPORT = problem("There is no such project or export.")
FORMATS = ("mp4",)
"""What the composer can write."""

ExportId = Annotated[int, PathParameter(ge=1, le=2**53, description="The export's id.")]


class ExportBody(Body, frozen=True, kw_only=True):
    """Which files are wanted of the takes that the scenes show."""

    formats: Annotated[tuple[str, ...], Meta(min_length=1, max_length=8, description="`mp4` today.")] = ("mp4",)
    aspect_ratios: Annotated[
        tuple[Aspect, ...], Meta(max_length=4, description="The storyboard's own today; none means that one.")
    ] = ()
    include_subtitles: Annotated[bool, Meta(description="Show the given lyrics.")] = True
    callback_url: Annotated[str, Meta(max_length=2000, description="Called at the end, besides the endpoints.")] = (
        ""
    )


class ExportView(View, frozen=True, kw_only=True):
    """A finished video of the project."""

    id: int
    job_id: str
    run: int
    created_at: datetime
    duration: Annotated[float, Meta(description="Seconds.")]
    frames: int
    size: Annotated[int, Meta(description="Bytes.")]
    sha256: str
    download: Annotated[str, Meta(description="Path of the video on this API.")]
    url: Annotated[
        str | None, Meta(description="Whole address that works without a login for an hour; null without a key.")
    ] = None
    report: Annotated[str, Meta(description="Path of its report: where the cuts are, loudness, flashes, motion.")]
    removed: Annotated[
        bool, Meta(description="Its files were kept for long enough; run its job again for new ones.")
    ]


class ExportList(View, frozen=True, kw_only=True):
    """Finished videos, the newest first."""

    exports: tuple[ExportView, ...]
    next: Annotated[str | None, Meta(description="Path of the next page; null on the last.")] = None


class ExportsOrdered(View, frozen=True, kw_only=True):
    """The jobs that make what was ordered."""

    exports: tuple[views.JobAccepted, ...]


@post(
    "/projects/{project_id:str}/export",
    status_code=202,
    limit="renders",
    operation_id="exportProject",
    operation_class=exemplified({"formats": ["mp4"], "includeSubtitles": True}),
    tags=[TAG],
    summary="Export what the scenes show",
    description=(
        "Cuts the takes that scenes show, stale or not, and makes only what doesn't cover its scene. One MP4 in the"
        " storyboard's shape; what else is asked for is refused with `export_unsupported`."
    ),
    responses={
        **ORDERS,
        200: ResponseSpec(ExportsOrdered, description="The jobs that this Idempotency-Key opened before."),
        404: NO_PROJECT,
        409: problem("The project has no song or no storyboard yet."),
        422: problem("A format or an aspect ratio can't be made today, or an option is not valid."),
    },
)
async def export_project(
    project_id: ProjectId,
    data: JSONBody[ExportBody],
    parts: NamedDependency[Parts],
    idempotency_key: IdempotencyKey = "",
) -> Response[ExportsOrdered]:
    """Export what the scenes show."""
    orders = orders_of(parts, project_id)
    await orders.check_form(FORMATS, data.formats, data.aspect_ratios)
    wish = Wish(captions=data.include_subtitles, callback_url=checked_url(parts, data.callback_url))
    key, digest = check_key(idempotency_key), digest_of(project_id, "export", data)
    accepted = await orders.export(wish, key=key, digest=digest)
    found = ExportsOrdered(exports=(await accepted_view(parts, accepted),))
    return Response(found, status_code=202 if accepted.created else 200)


@get(
    "/projects/{project_id:str}/exports",
    operation_id="listExports",
    tags=[TAG],
    summary="List the project's videos",
    description="Finished ones, the newest first. Those in work are jobs.",
    responses={**COMMON, 404: NO_PROJECT},
)
async def list_exports(
    project_id: ProjectId,
    parts: NamedDependency[Parts],
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="Exports on a page.")] = 50,
    before: Annotated[int, QueryParameter(ge=0, le=2**53, description="The last id of the page before.")] = 0,
) -> ExportList:
    """List the project's videos."""
    found = await _exports(parts, project_id, before=before, limit=limit)
    videos = [row.video.sha256 for row in found]
    async with parts.desk.database.read() as connection:
        removed = await removed_of(connection, project_id, videos, now())
    base = f"/api/v1/projects/{project_id}/exports"
    return ExportList(
        exports=tuple(
            ExportView(
                id=row.id,
                job_id=row.job_id,
                run=row.run,
                created_at=row.created_at,
                duration=row.duration,
                frames=row.frames,
                size=row.video.size,
                sha256=row.video.sha256,
                download=f"{base}/{row.id}/download",
                url=_signed(parts, row.video, f"{base}/{row.id}/download", f"{stem(row.song_name)}.mp4"),
                report=f"{base}/{row.id}/report",
                removed=row.video.sha256 in removed,
            )
            for row in found
        ),
        next=f"{base}?limit={limit}&before={found[-1].id}" if len(found) == limit else None,
    )


@route(
    "/projects/{project_id:str}/exports/{export_id:int}/download",
    http_method=["GET", "HEAD"],
    access="signed",
    operation_id=operation_name("Export"),
    tags=[TAG],
    summary="Download one of the project's videos",
    description="Takes one byte range, If-Range and If-None-Match.",
    responses=file_answers("The video", missing=NO_EXPORT, media_type="video/mp4"),
)
async def get_export(
    request: AnyRequest,
    project_id: ProjectId,
    export_id: ExportId,
    parts: NamedDependency[Parts],
    *,
    expires: Expires = "",
    signature: Signature = "",
) -> Response[bytes]:
    """Download one of the project's videos."""
    row = await _export(parts, project_id, export_id)
    video: Blob = row.video
    return await send(request, parts.store, video, f"{stem(row.song_name)}.mp4")


@route(
    "/projects/{project_id:str}/exports/{export_id:int}/report",
    http_method=["GET", "HEAD"],
    operation_id=operation_name("ExportReport"),
    tags=[TAG],
    summary="Read the report of one of the project's videos",
    description="Where the cuts are and how far from the beat, loudness, flashes, motion.",
    responses={
        **COMMON,
        200: ResponseSpec(Report, description="The report.", generate_examples=False),
        206: binary("The part of it that was asked for.", ANY_TYPE),
        304: ResponseSpec(None, description="It has not changed."),
        404: NO_EXPORT,
        410: GONE,
        416: ResponseSpec(None, description="The range lies behind the end."),
    },
)
async def get_export_report(
    request: AnyRequest, project_id: ProjectId, export_id: ExportId, parts: NamedDependency[Parts]
) -> Response[bytes]:
    """Read the report of one of the project's videos."""
    row = await _export(parts, project_id, export_id)
    report: Blob = row.report
    return await send(request, parts.store, report, f"{stem(row.song_name)}.report.json")


def _signed(parts: Parts, video: Blob, path: str, name: str) -> str | None:
    published = parts.published
    return published.link(video, path, name, published.finals).url if published.signs else None


_EXPORT = sa.select(t.exports, t.projects.c.song_name).join(t.projects, t.projects.c.id == t.exports.c.project_id)


async def _exports(parts: Parts, project_id: str, *, before: int, limit: int) -> list[sa.Row[tuple[object, ...]]]:
    c = t.exports.c
    project = await orders_of(parts, project_id).project()
    query = _EXPORT.where(c.project_id == project.id).order_by(c.id.desc()).limit(limit)
    async with parts.desk.database.read() as connection:
        return list(await connection.execute(query.where(c.id < before) if before else query))


async def _export(parts: Parts, project_id: str, export_id: int) -> sa.Row[tuple[object, ...]]:
    c = t.exports.c
    project = await orders_of(parts, project_id).project()
    async with parts.desk.database.read() as connection:
        found = await connection.execute(_EXPORT.where(c.project_id == project.id, c.id == export_id))
    row = found.one_or_none()
    if row is None:
        raise Permanent("not_found", "The project has no such export.")
    return row


HANDLERS = (export_project, list_exports, get_export, get_export_report)
