"""Files sent ahead of the job or project that needs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from litestar import Response, delete, get, post, put, route
from litestar.di import NamedDependency
from litestar.openapi.spec import RequestBody
from litestar.params import JSONBody, PathParameter

from libs.contracts.errors import Permanent
from services.ingest.parts import Parts
from services.ingest.routes.bodies import AnyRequest, Expires, Signature, body_of, media_type_of
from services.ingest.routes.documents import (
    CLIP_PART,
    COMMON,
    IMAGE_PART,
    LYRICS_PART,
    SONG_PART,
    exemplified,
    file_answers,
    form,
    operation_name,
    problem,
    raw_body,
    reads,
)
from services.ingest.routes.files import send
from services.ingest.uploads import presign, records
from services.ingest.uploads.desk import find, keep_looked, look
from services.ingest.uploads.kinds import LIMITS, UploadKind
from services.ingest.uploads.receive import receive
from services.ingest.uploads.views import (
    PlaceToPut,
    UploadList,
    UploadView,
    content_path,
    place_to_put,
    upload_view,
)

TAG = "Uploads"
NO_UPLOAD = problem("There is no such upload, or no more.")
TOO_LARGE = problem("A file is too large, or takes more space than you may have.")
NOT_TAKEN = problem("A file is not what its kind asks for, or the scanner found something in it.")
NO_SPACE = problem("There is no space left.")

_MOST: Mapping[str, int] = dict(LIMITS.items())
_UPLOAD_ID = re.compile(r"[0-9a-f]{1,64}")

UploadId = Annotated[str, PathParameter(description="The upload's id, as it was answered.")]


def upload_id_of(text: str) -> str:
    """An upload's id as it stands in a path. Raises Permanent("upload_not_found") for what can't be one."""
    if not _UPLOAD_ID.fullmatch(text):
        raise Permanent("upload_not_found")
    return text


FORM = {"audio": SONG_PART, "image": IMAGE_PART, "lyrics": LYRICS_PART, "clip": CLIP_PART}


@post(
    "/uploads",
    status_code=201,
    limit="uploads",
    request_max_body_size=None,
    operation_id="createUploads",
    operation_class=reads(RequestBody(required=True, content=form(FORM))),
    tags=[TAG],
    summary="Upload files",
    description="Any of `audio`, `image`, `lyrics` and `clip`, once each; all of them are taken, or none. What a"
    " file is, its content tells. They wait a day for a job or project.",
    responses={**COMMON, 413: TOO_LARGE, 422: NOT_TAKEN, 507: NO_SPACE},
)
async def create_uploads(request: AnyRequest, parts: NamedDependency[Parts]) -> UploadList:
    """Upload files."""
    async with body_of(request) as body, parts.scratch.folder() as folder:
        sent = await receive(
            body,
            _MOST,
            content_type=request.headers.get("Content-Type", ""),
            content_length=request.content_length,
            folder=folder,
        )
        if not sent:
            raise Permanent("bad_request", f"Send at least one of the parts {', '.join(LIMITS)}.")
        kinds: list[UploadKind] = [kind for kind in LIMITS if kind in sent]
        looked = {kind: await look(parts.desk, kind, sent[kind]) for kind in kinds}
        kept = await keep_looked(parts.desk, parts.owner, looked)
    return UploadList(uploads=tuple(upload_view(upload) for upload in kept))


@post(
    "/uploads/presign",
    status_code=201,
    limit="uploads",
    operation_id="presignUpload",
    operation_class=exemplified(
        {"kind": "audio", "filename": "song.mp3", "content_type": "audio/mpeg", "size": 5_242_880}
    ),
    tags=[TAG],
    summary="Announce a file",
    description="Answers an address that takes the bytes by one PUT within 5 minutes, without any login, of just"
    " the announced size and type. POST to `complete` afterwards.",
    responses={**COMMON, 413: TOO_LARGE},
)
async def presign_upload(data: JSONBody[presign.Announcement], parts: NamedDependency[Parts]) -> PlaceToPut:
    """Announce a file."""
    upload = await presign.announce(parts.desk, parts.owner, data)
    link = parts.published.place_to_put(
        presign.incoming_key(upload.id),
        content_path(upload.id),
        size=upload.size,
        media_type=upload.media_type,
        lasts=presign.PUT_FOR,
    )
    return place_to_put(upload, link)


@put(
    "/uploads/{upload_id:str}/content",
    status_code=204,
    request_max_body_size=None,
    access="link",
    bound=presign.announced,
    operation_id="putUpload",
    operation_class=reads(raw_body()),
    tags=[TAG],
    summary="Send the bytes of an announced file",
    description="At the signed address that /uploads/presign answered, with the headers that it named.",
    responses={
        **COMMON,
        403: problem("The address was not made for this, or has expired."),
        404: NO_UPLOAD,
        409: problem("The upload is complete already."),
        413: TOO_LARGE,
        422: problem("The body is not what was announced."),
        507: NO_SPACE,
    },
)
async def put_upload(
    request: AnyRequest,
    upload_id: UploadId,
    parts: NamedDependency[Parts],
    *,
    expires: Expires = "",
    signature: Signature = "",
) -> None:
    """Send the bytes of an announced file."""
    async with body_of(request) as body:
        upload = await find(parts.desk, parts.owner, upload_id_of(upload_id))
        if media_type_of(request) != upload.media_type.lower():
            raise Permanent("upload_mismatch", f"The Content-Type must be {upload.media_type}, as announced.")
        if request.content_length is not None and request.content_length != upload.size:
            raise Permanent("upload_mismatch", f"The Content-Length must be {upload.size}, as announced.")
        await presign.put(parts.desk, upload, body)


@post(
    "/uploads/{upload_id:str}/complete",
    status_code=200,
    operation_id="completeUpload",
    tags=[TAG],
    summary="Finish an announced file",
    description="Looks at the bytes that have arrived. Asked again, it answers the same.",
    responses={
        **COMMON,
        404: NO_UPLOAD,
        409: problem("No bytes have arrived."),
        413: TOO_LARGE,
        422: NOT_TAKEN,
        507: NO_SPACE,
    },
)
async def complete_upload(upload_id: UploadId, parts: NamedDependency[Parts]) -> UploadView:
    """Finish an announced file."""
    return upload_view(await presign.complete(parts.desk, parts.owner, upload_id_of(upload_id)))


@get(
    "/uploads/{upload_id:str}",
    operation_id="getUpload",
    tags=[TAG],
    summary="Look at an upload",
    description="What it is, and until when it waits.",
    responses={**COMMON, 404: NO_UPLOAD},
)
async def get_upload(upload_id: UploadId, parts: NamedDependency[Parts]) -> UploadView:
    """Look at an upload."""
    return upload_view(await find(parts.desk, parts.owner, upload_id_of(upload_id)))


@delete(
    "/uploads/{upload_id:str}",
    operation_id="deleteUpload",
    tags=[TAG],
    summary="Forget an upload",
    description="Jobs and projects that have taken it keep it.",
    responses={**COMMON, 404: NO_UPLOAD},
)
async def delete_upload(upload_id: UploadId, parts: NamedDependency[Parts]) -> None:
    """Forget an upload."""
    await records.remove(parts.desk.database, parts.owner, upload_id_of(upload_id))


@route(
    "/uploads/{upload_id:str}/content",
    http_method=["GET", "HEAD"],
    access="signed",
    operation_id=operation_name("UploadContent"),
    tags=[TAG],
    summary="Download an upload",
    description="Its bytes; takes ranges and conditions as the video does.",
    responses={**file_answers("The file", missing=NO_UPLOAD), 409: problem("The upload is not complete.")},
)
async def get_upload_content(
    request: AnyRequest,
    upload_id: UploadId,
    parts: NamedDependency[Parts],
    *,
    expires: Expires = "",
    signature: Signature = "",
) -> Response[bytes]:
    """Download an upload."""
    upload = await find(parts.desk, parts.owner, upload_id_of(upload_id))
    return await send(request, parts.store, upload.blob, upload.name)


HANDLERS = (
    create_uploads,
    presign_upload,
    put_upload,
    complete_upload,
    get_upload,
    delete_upload,
    get_upload_content,
)
