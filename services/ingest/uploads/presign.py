"""Uploads that bypass the API's own form: announced, PUT to a signed address, then completed.

The bytes land at `incoming/<id>`, which is no blob: only `complete`, which looks at them, makes one of them. What
is never completed goes with the sweeper.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec

from libs.contracts.errors import Permanent
from libs.runtime.disk import full_disk_is_retryable
from services.ingest.database import Database
from services.ingest.ids import new_id
from services.ingest.names import display_name
from services.ingest.published import bound_to
from services.ingest.uploads import records
from services.ingest.uploads.desk import Desk, find, look, stored
from services.ingest.uploads.kinds import LIMITS, UploadKind
from services.ingest.uploads.receive import receive_file
from services.ingest.uploads.records import Upload
from services.ingest.uploads.sink import Received, Sink, human, received

PREFIX = "incoming/"
PUT_FOR = timedelta(minutes=5)
"""How long a PUT may begin after the upload was announced."""
WAITS = timedelta(hours=1)
"""How long an announced upload waits for its bytes and for `complete`."""

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}")

Meta = msgspec.Meta


class Announcement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client is about to send."""

    kind: UploadKind
    filename: Annotated[str, Meta(max_length=500, description="For display.")] = ""
    content_type: Annotated[
        str, Meta(max_length=121, description="The PUT must say the same; what the file is, its content tells.")
    ] = "application/octet-stream"
    size: Annotated[int, Meta(ge=1, description="Bytes; the PUT must have as many.")]


def incoming_key(upload_id: str) -> str:
    """Where the bytes of an announced upload land."""
    return f"{PREFIX}{upload_id}"


async def announce(desk: Desk, owner: str, coming: Announcement) -> Upload:
    """A new upload that waits for its bytes. Raises Permanent: file_too_large, bad_request, quota_exceeded."""
    if coming.size > LIMITS[coming.kind]:
        raise Permanent("file_too_large", f"The file is larger than {human(LIMITS[coming.kind])}.")
    if not _MEDIA_TYPE.fullmatch(coming.content_type):
        raise Permanent("bad_request", "`content_type` is no media type of the form type/subtype.")
    now = desk.clock()
    upload = Upload(
        id=new_id(),
        owner=owner,
        kind=coming.kind,
        status="waiting",
        name=display_name(coming.filename, default=coming.kind),
        size=coming.size,
        media_type=coming.content_type,
        created_at=now,
        expires_at=now + WAITS,
    )
    await records.insert(desk.database, upload, quota=desk.quota)
    return upload


async def announced(database: Database, named: Mapping[str, Any]) -> str:
    """What the signed address of the upload that a path names is bound to; "" when there is none, so that an
    address that was not signed says the same of any id."""
    size, media_type = await records.announced(database, str(named["upload_id"]))
    return bound_to(size, media_type) if size else ""


async def put(desk: Desk, upload: Upload, chunks: AsyncIterator[bytes]) -> None:
    """Take the bytes of an announced upload. Sent again, they replace those from before.

    Raises as `receive_file`; Permanent("conflict") when it is complete already.
    """
    if upload.status != "waiting":
        raise Permanent("conflict", "The upload is complete already.")
    async with desk.scratch.folder() as folder:
        found = await receive_file(chunks, size=upload.size, name=upload.name, path=folder / "file")
        await desk.store.put_at(incoming_key(upload.id), found.path, "application/octet-stream")


async def complete(desk: Desk, owner: str, upload_id: str) -> Upload:
    """Look at the bytes that have arrived, and make the upload ready. Doing it again changes nothing.

    Raises Permanent: upload_not_found, upload_not_ready (no bytes yet), upload_mismatch (not as many as announced),
    and what `look` raises; bytes that are refused are removed, and may be sent anew. After a death in between
    it can be asked for again.
    """
    upload = await find(desk, owner, upload_id)
    if upload.status == "ready":
        return upload
    key = incoming_key(upload.id)
    async with desk.scratch.folder() as folder:
        try:
            looked = await look(desk, upload.kind, await _arrived(desk, upload, folder / "file"))
        except Permanent:
            if (found := await find(desk, owner, upload_id)).status == "ready":  # by another, meanwhile
                return found
            await desk.store.delete(key)
            raise
        blob = await stored(desk, looked)
    ready = msgspec.structs.replace(
        upload,
        status="ready",
        size=blob.size,
        media_type=blob.media_type,
        sha256=blob.sha256,
        facts=looked.facts,
        expires_at=desk.clock() + desk.kept,
    )
    await records.make_ready(desk.database, ready)
    await desk.store.delete(key)
    return await find(desk, owner, upload_id)


async def _arrived(desk: Desk, upload: Upload, path: Path) -> Received:
    """A copy of its own: what a client still changes changes nothing any more."""
    key = incoming_key(upload.id)
    standing = await desk.store.stat(key)
    if standing is None:
        raise Permanent("upload_not_ready", "No bytes have arrived.")
    if standing.size != upload.size:
        raise Permanent("upload_mismatch", f"{standing.size} bytes arrived instead of {upload.size}.")
    with full_disk_is_retryable():
        sink = Sink(path, limit=upload.size, what="The upload")
        return await received(desk.store.read_range(key, 0, standing.size), sink, upload.name)
