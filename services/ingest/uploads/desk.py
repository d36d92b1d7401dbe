"""Where files are taken in: scanned, probed, stored, and kept for whoever needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from libs.artifacts.store import ArtifactStore
from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.ingest.database import Database
from services.ingest.ids import new_id
from services.ingest.keeping.quota import UNLIMITED, Quota
from services.ingest.uploads import records
from services.ingest.uploads.fetching import Fetching
from services.ingest.uploads.kinds import Content, FileFacts, UploadKind, read_content
from services.ingest.uploads.records import Upload
from services.ingest.uploads.scan import Scanner
from services.ingest.uploads.sink import Received


class Desk(NamedTuple):
    """What uploads work with. kept: how long one waits for its job or project."""

    database: Database
    store: ArtifactStore
    pool: WorkerPool
    scratch: Scratch
    scanner: Scanner
    fetching: Fetching
    kept: timedelta
    clock: Callable[[], datetime]
    quota: Quota = UNLIMITED
    """Of each user."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """A file that may be used: scanned and probed. It is in scratch, or in the store already."""

    name: str
    content: Content
    at: Path | Blob

    @property
    def facts(self) -> FileFacts:
        """What was found in it."""
        return self.content.facts


Source = Received | Upload
"""A file that has just come in, or one that was sent ahead."""


async def look(desk: Desk, kind: UploadKind, source: Source) -> Looked:
    """What a file is; one that was sent ahead was looked at then.

    Raises what the scanner and the probes raise; Permanent: upload_not_ready, bad_request (an upload of another
    kind).
    """
    if isinstance(source, Upload):
        if source.kind != kind:
            raise Permanent("bad_request", f"The upload is of the kind `{source.kind}`, not `{kind}`.")
        content = Content(media_type=source.media_type, facts=source.facts or FileFacts())
        return Looked(name=source.name, content=content, at=source.blob)
    await desk.scanner.check(source.path)
    content = await read_content(kind, source.path, desk.pool)
    return Looked(name=source.name, content=content, at=source.path)


async def stored(desk: Desk, looked: Looked) -> Blob:
    """Its bytes in the store. Raises as `ArtifactStore.put_file`."""
    if isinstance(looked.at, Blob):
        return looked.at
    return await desk.store.put_file(looked.at, looked.content.media_type)


async def keep(desk: Desk, owner: str, kind: UploadKind, received: Received) -> Upload:
    """Take a file in for later. Raises as `look` and `keep_looked`."""
    looked = await look(desk, kind, received)
    (upload,) = await keep_looked(desk, owner, {kind: looked})
    return upload


async def keep_looked(desk: Desk, owner: str, files: Mapping[UploadKind, Looked]) -> list[Upload]:
    """The same for files that were looked at: all of them or none. A death before the rows leaves bytes that the
    sweeper takes, as a refusal does.

    Raises as `stored`; Permanent("quota_exceeded").
    """
    blobs = [(kind, looked, await stored(desk, looked)) for kind, looked in files.items()]
    now = desk.clock()
    new = [
        Upload(
            id=new_id(),
            owner=owner,
            kind=kind,
            status="ready",
            name=looked.name,
            size=blob.size,
            media_type=blob.media_type,
            sha256=blob.sha256,
            facts=looked.facts,
            created_at=now,
            expires_at=now + desk.kept,
        )
        for kind, looked, blob in blobs
    ]
    await records.insert(desk.database, *new, quota=desk.quota)
    return new


async def find(desk: Desk, owner: str, upload_id: str) -> Upload:
    """An upload that has not expired. Raises Permanent("upload_not_found")."""
    return await records.find(desk.database, owner, upload_id, desk.clock())
