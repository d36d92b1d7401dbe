"""Rows of uploads: what is known of a file that waits for its job or project."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent
from services.ingest.database import Database
from services.ingest.keeping.quota import UNLIMITED, Quota
from services.ingest.uploads.kinds import FileFacts, UploadKind
from services.ingest.uploads.tables import uploads

UploadStatus = Literal["waiting", "ready"]
"""Waiting for its bytes, or ready to be used."""

LINGERS = timedelta(hours=1)
"""How long bytes and row outlive their upload: whoever has just read it can still refer to them."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was sent ahead of the job or project that needs it."""

    id: str
    owner: str
    kind: UploadKind
    status: UploadStatus
    name: str
    """As the sender called it, cleaned for display."""
    size: int
    media_type: str
    sha256: str | None = None
    facts: FileFacts | None = None
    created_at: datetime
    expires_at: datetime

    @property
    def blob(self) -> Blob:
        """Its bytes in the store. Raises Permanent("upload_not_ready")."""
        if self.sha256 is None:
            raise Permanent("upload_not_ready")
        return Blob(sha256=self.sha256, size=self.size, media_type=self.media_type)


async def insert(database: Database, *new: Upload, quota: Quota = UNLIMITED) -> None:
    """New rows, of one user; all of them or none. Raises Permanent("quota_exceeded")."""
    rows = [{name: getattr(upload, name) for name in upload.__struct_fields__} for upload in new]
    owner, now = new[0].owner, new[0].created_at

    async def work(connection: AsyncConnection) -> None:
        await quota.hold(database, connection, owner)
        await connection.execute(sa.insert(uploads), rows)
        await quota.check(connection, owner, now)

    await database.transact(work)


async def find(database: Database, owner: str, upload_id: str, now: datetime) -> Upload:
    """An upload that has not expired. Raises Permanent("upload_not_found")."""
    c = uploads.c
    query = sa.select(uploads).where(c.id == upload_id, c.owner == owner, c.expires_at > now)
    row = None
    if upload_id.isalnum():  # PostgreSQL takes no NUL
        async with database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise Permanent("upload_not_found")
    return Upload(**row)


async def announced(database: Database, upload_id: str) -> tuple[int, str]:
    """Size and media type of an upload, whoever's it is; 0 and "" when there is none."""

    def read(connection: sa.Connection) -> tuple[int, str]:
        c = uploads.c
        row = connection.execute(sa.select(c.size, c.media_type).where(c.id == upload_id)).one_or_none()
        return (0, "") if row is None else (row.size, row.media_type)

    return await database.look(read)


async def make_ready(database: Database, upload: Upload) -> None:
    """Its bytes are stored. Does nothing when somebody else was faster, or it is gone."""
    c = uploads.c
    change = (
        sa.update(uploads)
        .where(c.id == upload.id, c.status == "waiting")
        .values(
            status="ready",
            size=upload.size,
            media_type=upload.media_type,
            sha256=upload.sha256,
            facts=upload.facts,
            expires_at=upload.expires_at,
        )
    )
    await database.transact(lambda connection: connection.execute(change))


async def remove(database: Database, owner: str, upload_id: str) -> None:
    """Forget it; its bytes go when nobody else needs them. Raises Permanent("upload_not_found")."""

    async def forget(connection: AsyncConnection) -> int:
        gone = sa.delete(uploads).where(uploads.c.id == upload_id, uploads.c.owner == owner)
        return (await connection.execute(gone)).rowcount

    if await database.transact(forget) != 1:
        raise Permanent("upload_not_found")


async def remove_expired(connection: AsyncConnection, now: datetime) -> None:
    """Forget what has expired a while ago."""
    await connection.execute(sa.delete(uploads).where(uploads.c.expires_at <= now - LINGERS))


async def referred(connection: AsyncConnection, digests: Collection[str]) -> set[str]:
    """Those of the digests that an upload needs, even one that has just expired."""
    query = sa.select(uploads.c.sha256).where(uploads.c.sha256.in_(digests))
    return set((await connection.execute(query)).scalars())
