"""What the API answers about uploads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from services.ingest.published import Link
from services.ingest.uploads.kinds import FileFacts, UploadKind
from services.ingest.uploads.records import Upload, UploadStatus

Meta = msgspec.Meta


class UploadView(msgspec.Struct, frozen=True, kw_only=True):
    """A file that waits for its job or project."""

    upload_id: str
    kind: UploadKind
    status: Annotated[UploadStatus, Meta(description="`waiting` until its bytes have come and been looked at.")]
    name: Annotated[str, Meta(description="The file's name, cleaned for display.")]
    size: Annotated[int, Meta(description="Bytes; those announced, while it waits.")]
    media_type: Annotated[str, Meta(description="By its content; the one announced, while it waits.")]
    sha256: Annotated[str | None, Meta(description="Lower-case hex.")] = None
    facts: Annotated[FileFacts | None, Meta(description="What was found by decoding it.")] = None
    created_at: datetime
    expires_at: Annotated[datetime, Meta(description="When it is forgotten unless something has taken it.")]
    link: Annotated[str | None, Meta(description="Path of its bytes, once it is ready.")] = None


class UploadList(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one request, in the order audio, image, lyrics, clip."""

    uploads: tuple[UploadView, ...]


class PlaceToPut(msgspec.Struct, frozen=True, kw_only=True):
    """Where the bytes go: send exactly these headers."""

    upload_id: str
    method: Literal["PUT"] = "PUT"
    url: str
    headers: Annotated[dict[str, str], Meta(description="The PUT must carry them as they are.")]
    expires_at: Annotated[datetime, Meta(description="When the PUT must have begun.")]
    complete: Annotated[str, Meta(description="POST here when the bytes have been sent.")]


def path_of(upload_id: str) -> str:
    """Path of an upload."""
    return f"/api/v1/uploads/{upload_id}"


def content_path(upload_id: str) -> str:
    """Path of its bytes."""
    return f"{path_of(upload_id)}/content"


def upload_view(upload: Upload) -> UploadView:
    """A row as clients get it."""
    return UploadView(
        upload_id=upload.id,
        kind=upload.kind,
        status=upload.status,
        name=upload.name,
        size=upload.size,
        media_type=upload.media_type,
        sha256=upload.sha256,
        facts=upload.facts,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
        link=content_path(upload.id) if upload.status == "ready" else None,
    )


def place_to_put(upload: Upload, link: Link) -> PlaceToPut:
    """What a client needs for its PUT."""
    return PlaceToPut(
        upload_id=upload.id,
        url=link.url,
        headers={"Content-Type": upload.media_type, "Content-Length": str(upload.size)},
        expires_at=link.expires_at,
        complete=f"{path_of(upload.id)}/complete",
    )
