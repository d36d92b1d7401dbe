"""Which artifacts nobody needs any more: older than a day, and referred to by no project.

A project refers to its uploads and to every blob that a fact of its runs names (takes, exports and running jobs
belong to projects): what exists is not made again. Records of results live as long as a blob that they name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from libs.artifacts.store import ArtifactStore, StoredObject
from services.ingest import tables as t
from services.ingest.database import Database

log = logging.getLogger(__name__)

KEPT = timedelta(days=1)
CHUNK = 200

_DIGEST = re.compile(rb'"([0-9a-f]{64})"')
"""How a record names a blob, in any version of its format."""


async def remove_garbage(database: Database, store: ArtifactStore, now: datetime) -> int:
    """Delete what nobody needs; how many objects. Records first, so that none outlives its blobs for long.

    References are looked up right before the deletion. What is referred to in the same moment after all is a
    missing input, which the ledger has made again.
    """
    removed = 0
    async for chunk in _old(store, "result/", now):
        named = {stored.key: await _named(store, stored.key) for stored in chunk}
        wanted = await _referred(database, set().union(*named.values()))
        removed += await _delete(store, [key for key, digests in named.items() if not digests & wanted])
    async for chunk in _old(store, "blob/", now):
        digests = {stored.key.removeprefix("blob/"): stored.key for stored in chunk}
        wanted = await _referred(database, set(digests))
        removed += await _delete(store, [key for digest, key in digests.items() if digest not in wanted])
    return removed


async def _old(store: ArtifactStore, prefix: str, now: datetime) -> AsyncIterator[list[StoredObject]]:
    chunk: list[StoredObject] = []
    async for stored in store.list(prefix):
        if now - stored.modified > KEPT:
            chunk.append(stored)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def _named(store: ArtifactStore, key: str) -> set[str]:
    data = await store.get_bytes(key)
    return {digest.decode() for digest in _DIGEST.findall(data or b"")}


async def _referred(database: Database, digests: set[str]) -> set[str]:
    found: set[str] = set()
    asked = sorted(digests)
    for start in range(0, len(asked), CHUNK):
        query = sa.select(t.references.c.sha256).where(t.references.c.sha256.in_(asked[start : start + CHUNK]))
        async with database.read() as connection:
            found.update((await connection.execute(query)).scalars())
    return found


async def _delete(store: ArtifactStore, keys: list[str]) -> int:
    for key in keys:
        await store.delete(key)
        log.info("removed %s: nobody refers to it", key)
    return len(keys)
