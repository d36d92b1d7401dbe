"""Where the files of a data export stand in it. Pure: no name in it is a user's."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from libs.contracts.artifacts import Blob

_OTHER = re.compile(r"[^A-Za-z0-9._-]")
_EXTENSIONS = {
    "application/json": ".json",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "text/plain": ".txt",
    "video/mp4": ".mp4",
}


class Named(NamedTuple):
    """A blob, and the field that names it."""

    field: str
    blob: Blob


def blobs_of(value: Any, field: str = "") -> Iterator[Named]:
    """All blobs within plain data, however deep: objects with a digest, a size and a media type."""
    if isinstance(value, Mapping):
        sha256, size, media_type = (value.get(name) for name in ("sha256", "size", "media_type"))
        if isinstance(sha256, str) and isinstance(size, int) and isinstance(media_type, str):
            yield Named(field, Blob(sha256=sha256, size=size, media_type=media_type))
        for name, inner in value.items():
            yield from blobs_of(inner, str(name))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from blobs_of(inner, field)


def path_of(table: str, row: Mapping[str, Any], named: Named) -> str:
    """The path of a blob that a row of a table names."""
    field, end = named.field, extension(named.blob.media_type)
    match table, field:
        case "uploads", _:
            parts = ["uploads", row["id"]]
        case "projects", _:
            parts = ["projects", row["id"], field]
        case "takes", "clip":
            parts = ["projects", row["project_id"], "takes", f"{row['scene_id']}-{row['id']}"]
        case "exports", _:
            parts = ["projects", row["project_id"], "videos", f"{row['id']}-{field}"]
        case "characters", _:
            parts = ["projects", row["project_id"], "characters", row["id"]]
        case "runs", _:
            parts = ["jobs", row["job_id"], f"{row['run']}-{field}"]
        case _:
            parts = ["files", named.blob.sha256]
    return "/".join(_OTHER.sub("_", str(part)) or "_" for part in parts) + end


def extension(media_type: str) -> str:
    """With its dot; ".bin" for what nobody knows."""
    plain = media_type.partition(";")[0].strip().lower()
    return _EXTENSIONS.get(plain) or mimetypes.guess_extension(plain) or ".bin"
