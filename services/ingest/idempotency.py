"""Idempotency keys: a client that asks twice with one key gets one job."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.records import Accepted

KEPT = timedelta(hours=24)


class Key(msgspec.Struct, frozen=True):
    """A key as its owner sent it, and the digest of the body that came with it."""

    owner: str
    key: str
    body_digest: str


async def claim_key(
    database: Database, connection: AsyncConnection, key: Key, job_id: str, now: datetime
) -> Accepted | None:
    """Bind the key to this job (None), or find the job that it is bound to. Raises as `find_key`."""
    c = t.idempotency_keys.c
    await connection.execute(
        sa.delete(t.idempotency_keys).where(c.owner == key.owner, c.key == key.key, c.expires_at <= now)
    )
    row = {**msgspec.structs.asdict(key), "job_id": job_id, "expires_at": now + KEPT}
    if await database.insert_new(connection, t.idempotency_keys, [row]):
        return None
    return await find_key(connection, key, now)


async def find_key(connection: AsyncConnection, key: Key, now: datetime) -> Accepted | None:
    """The job that the key is bound to. Raises `Permanent("idempotency_conflict")` when its body was another."""
    c = t.idempotency_keys.c
    query = sa.select(c.body_digest, c.job_id).where(c.owner == key.owner, c.key == key.key, c.expires_at > now)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    if row.body_digest != key.body_digest:
        raise Permanent("idempotency_conflict")
    return Accepted(job_id=row.job_id, created=False)
