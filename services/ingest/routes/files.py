"""What a job has made, with ranges."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Annotated, NamedTuple

from litestar import Response, get, post, route
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Stream

from libs.artifacts.store import ArtifactStore
from libs.contracts.artifacts import Blob
from libs.contracts.errors import InputMissing, Permanent
from libs.contracts.jobs import State
from services.ingest import ranges, views
from services.ingest.names import content_disposition
from services.ingest.parts import Parts, now
from services.ingest.routes.bodies import AnyRequest, Expires, Signature
from services.ingest.routes.documents import COMMON, NO_JOB, file_answers, operation_name, problem
from services.ingest.routes.jobs import JobId, job_id_of

TAG = "Files"


class Sent(NamedTuple):
    """What is sent under one address: bytes that can be read from anywhere."""

    size: int
    digest: str
    """Of what all bytes follow from."""
    media_type: str
    name: str
    """For saving."""
    read: Callable[[int, int], AsyncIterator[bytes]]
    """The bytes from the one up to the other, excluded."""
    there: Callable[[], Awaitable[bool]]


async def _after_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield first
    async for chunk in rest:
        yield chunk


async def send(request: AnyRequest, store: ArtifactStore, blob: Blob, name: str) -> Response[bytes]:
    """The answer that carries a blob, or the part of it that was asked for, under a name for saving.

    Raises Permanent("gone") when its bytes were removed.
    """
    sent = Sent(
        size=blob.size,
        digest=blob.sha256,
        media_type=blob.media_type.removesuffix("; charset=utf-8"),  # Litestar adds it to text
        name=name,
        read=lambda start, end: store.read_range(blob.key, start, end),
        there=lambda: store.has(blob.key),
    )
    try:
        return await send_part(request, sent)
    except InputMissing as error:
        raise Permanent("gone") from error


async def send_part(request: AnyRequest, sent: Sent) -> Response[bytes]:
    """The answer that carries what was asked for. Raises InputMissing when it is gone."""
    headers = {
        "ETag": ranges.etag(sent.digest),
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition(sent.name),
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    asked = ranges.answer(
        size=sent.size,
        tag=headers["ETag"],
        range_=request.headers.get("Range", "") if request.method == "GET" else "",
        if_range=request.headers.get("If-Range", ""),
        if_none_match=request.headers.get("If-None-Match", ""),
    )
    start, end = asked.span
    if asked.status == 304:
        return Response(b"", status_code=304, headers=headers)
    if asked.status == 416:
        headers["Content-Range"] = f"bytes */{sent.size}"
        return Response(b"", status_code=416, headers=headers, media_type="text/plain")
    if asked.status == 206:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{sent.size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD" or end == start:
        if not await sent.there():
            raise InputMissing(sent.digest)
        return Response(b"", status_code=asked.status, headers=headers, media_type=sent.media_type)
    chunks = sent.read(start, end)
    first = await anext(aiter(chunks), None)  # so that what is gone is an error, not a broken answer
    if first is None:
        raise InputMissing(sent.digest)
    return Stream(  # type: ignore[return-value]  # bytes all the same
        _after_first(first, chunks), status_code=asked.status, headers=headers, media_type=sent.media_type
    )


@route(
    "/jobs/{job_id:str}/download",
    http_method=["GET", "HEAD"],
    access="signed",
    operation_id=operation_name("Video"),
    tags=[TAG],
    summary="Download the video",
    description="The finished MP4. Takes one byte range, If-Range and If-None-Match; several ranges get the whole.",
    responses={
        **file_answers("The video", missing=NO_JOB, media_type="video/mp4"),
        409: problem("The video is not ready; the detail says how far the job is."),
    },
)
async def download(
    request: AnyRequest,
    job_id: JobId,
    parts: NamedDependency[Parts],
    *,
    expires: Expires = "",
    signature: Signature = "",
) -> Response[bytes]:
    """Download the video."""
    snapshot = await parts.ledger.snapshot(job_id_of(job_id))
    if snapshot.state is not State.COMPLETED or snapshot.video is None:
        percent = parts.hub.board.live(snapshot, now()).percent
        raise Permanent("not_ready", f"The job is {snapshot.state} ({percent:.0f} %).")
    return await send(request, parts.store, snapshot.video, views.save_name(snapshot, views.VIDEO))


@get(
    "/jobs/{job_id:str}/files",
    operation_id="listFiles",
    tags=[TAG],
    summary="List a job's files",
    description="Those that are ready so far; clips come one by one.",
    responses={**COMMON, 404: NO_JOB},
)
async def list_files(job_id: JobId, parts: NamedDependency[Parts]) -> views.FileList:
    """List a job's files."""
    return views.file_list(await parts.ledger.snapshot(job_id_of(job_id)))


@route(
    "/jobs/{job_id:str}/files/{name:path}",
    http_method=["GET", "HEAD"],
    access="signed",
    operation_id=operation_name("File"),
    tags=[TAG],
    summary="Download one of a job's files",
    description="`report.json`, `poster.jpg`, `sheet.jpg`, `analysis.json`, `storyboard.json`, `clips/SCENE.mp4`."
    " Of a script also `stitched_subtitled.mp4`, `voiceover.mp3`, `manifest.json`, `images/SCENE.jpg`.",
    responses=file_answers("The file", missing=problem("There is no such job, or no such file yet.")),
)
async def get_file(
    request: AnyRequest,
    job_id: JobId,
    name: Annotated[str, PathParameter(description="The name as /files lists it.")],
    parts: NamedDependency[Parts],
    *,
    expires: Expires = "",
    signature: Signature = "",
) -> Response[bytes]:
    """Download one of a job's files."""
    wanted = name.removeprefix("/")
    snapshot = await parts.ledger.snapshot(job_id_of(job_id))
    blob = views.files_of(snapshot).get(wanted)
    if blob is None:
        raise Permanent("not_found", "The job has no such file, or not yet.")
    return await send(request, parts.store, blob, views.save_name(snapshot, wanted))


@post(
    "/jobs/{job_id:str}/links",
    status_code=200,
    operation_id="signLinks",
    tags=[TAG],
    summary="Get signed addresses",
    description="Addresses of a job's files, the video last, that work without a login for an hour: for players and"
    " for workflows. Whoever has such an address can use it.",
    responses={**COMMON, 404: NO_JOB},
)
async def sign_links(job_id: JobId, parts: NamedDependency[Parts]) -> views.SignedLinks:
    """Get signed addresses."""
    snapshot = await parts.ledger.snapshot(job_id_of(job_id))
    return views.signed_links(snapshot, parts.published)


HANDLERS = (download, list_files, get_file, sign_links)
