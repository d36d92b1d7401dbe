"""Which artifacts nobody needs any more: older than a day, referred to by no project, made by no running job.

A project refers to its uploads and to every blob that a fact of its runs names (takes, exports and running jobs
belong to projects), until retention lets go of one: what exists is not made again. Records of results live as long
as a blob that they name. Clips that nobody refers to are kept for some days: they cost the most to make again.
The names that a job's files have besides are links to blobs; they last as long as the job and its videos.
An upload and a data export refer to their blobs until they expire; what was announced and never completed lies
beside the blobs.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from libs.artifacts.store import ArtifactStore, StoredObject
from libs.contracts.artifacts import OUTPUTS
from libs.contracts.facts import TakeRendered
from services.ingest import tables as t
from services.ingest.columns import Moment
from services.ingest.database import Database
from services.ingest.keeping.references import referred_to, removed_of
from services.ingest.keeping.rules import Keeping
from services.ingest.my_data.held import held
from services.ingest.uploads.presign import PREFIX
from services.ingest.uploads.records import referred

log = logging.getLogger(__name__)

KEPT = timedelta(days=1)
KEPT_FOR_JOBS = timedelta(days=7)
"""How long what was made since the oldest running job began is kept: as long as its facts wait in their stream."""
CHUNK = 200

CLIPS_KEPT = Keeping().clips

_DIGEST = re.compile(rb'"([0-9a-f]{64})"')
"""How a record names a blob, in any version of its format."""
_OF_CLIP = f'"{TakeRendered.__struct_config__.tag}"'.encode()
"""What the record of a clip holds."""


async def remove_garbage(
    database: Database, store: ArtifactStore, now: datetime, *, clips: timedelta = CLIPS_KEPT
) -> int:
    """Delete what nobody needs; how many objects. Records first, so that none outlives its blobs for long.
    clips: how long a clip that nobody refers to is kept.

    References and age are looked up right before the deletion. What is referred to in the same moment after all is
    a missing input, which the ledger has made again.
    """
    removed = 0
    before = await _needed_since(database, now)
    spared: set[str] = set()
    async for chunk in _old(store, "result/", before):
        named = {stored.key: await _named(store, stored.key) for stored in chunk}
        wanted = await referred_blobs(database, set().union(*(record.digests for record in named.values())), now)
        young = {stored.key for stored in chunk if stored.modified > now - clips and named[stored.key].of_clip}
        spared.update(*(named[key].digests for key in young))
        free = [key for key, record in named.items() if key not in young and not record.digests & wanted]
        removed += await _delete(store, free, before)
    async for chunk in _old(store, "blob/", before):
        digests = {stored.key.removeprefix("blob/"): stored.key for stored in chunk}
        wanted = spared | await referred_blobs(database, set(digests), now)
        removed += await _delete(store, [key for digest, key in digests.items() if digest not in wanted], before)
    async for chunk in _old(store, f"{OUTPUTS}/", before):
        there = await _jobs(database, {_job_of(stored.key) for stored in chunk}, now)
        removed += await _delete(store, [one.key for one in chunk if _job_of(one.key) not in there], before)
    async for chunk in _old(store, PREFIX, now - KEPT):
        removed += await _delete(store, [stored.key for stored in chunk], now - KEPT)
    return removed


async def _needed_since(database: Database, now: datetime) -> datetime:
    """Only what is older than this may go: a day, or since the oldest running job began. What that one has made may
    be referred to by facts that nobody has taken in yet, or be a part of what is in work."""
    query = sa.select(sa.func.min(t.runs.c.created_at, type_=Moment())).where(t.runs.c.ended_at.is_(None))
    async with database.read() as connection:
        oldest: datetime | None = (await connection.execute(query)).scalar_one()
    return min(now - KEPT, max(oldest or now, now - KEPT_FOR_JOBS))


async def _old(store: ArtifactStore, prefix: str, before: datetime) -> AsyncIterator[list[StoredObject]]:
    chunk: list[StoredObject] = []
    async for stored in store.list(prefix):
        if stored.modified < before:
            chunk.append(stored)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Record(NamedTuple):
    """What is known of a record without reading it in full: whichever version has written it."""

    digests: frozenset[str]
    of_clip: bool


async def _named(store: ArtifactStore, key: str) -> _Record:
    data = await store.get_bytes(key) or b""
    return _Record(frozenset(digest.decode() for digest in _DIGEST.findall(data)), _OF_CLIP in data)


async def referred_blobs(database: Database, digests: set[str], now: datetime) -> set[str]:
    """Those of the digests that somebody refers to."""
    found: set[str] = set()
    asked, c = sorted(digests), t.references.c
    for start in range(0, len(asked), CHUNK):
        some = asked[start : start + CHUNK]
        query = sa.select(c.sha256).where(c.sha256.in_(some), referred_to(now))
        async with database.read() as connection:
            found.update((await connection.execute(query)).scalars())
            found |= await referred(connection, some)
            found |= await held(connection, some)
    return found


def _job_of(key: str) -> str:
    """The job whose output a key is of."""
    return key.split("/")[1]


async def _jobs(database: Database, ids: set[str], now: datetime) -> set[str]:
    """Those of these jobs that are in the ledger, and whose videos have not all been let go."""
    e, j = t.exports.c, t.jobs.c
    async with database.read() as connection:
        found = set((await connection.execute(sa.select(j.id).where(j.id.in_(ids)))).scalars())
        query = sa.select(e.project_id, e.job_id, e.video).where(e.job_id.in_(ids))
        videos = defaultdict[tuple[str, str], set[str]](set)
        for row in await connection.execute(query):
            videos[row.project_id, row.job_id].add(row.video.sha256)
        for (project_id, job_id), digests in videos.items():
            if digests <= await removed_of(connection, project_id, digests, now):
                found.discard(job_id)
    return found


async def _delete(store: ArtifactStore, keys: list[str], before: datetime) -> int:
    """Delete what is still as old as it was when it was listed; how many."""
    removed = 0
    for key in keys:
        standing = await store.stat(key)
        if standing is not None and standing.modified < before:
            await store.delete(key)
            log.info("removed %s: nobody refers to it", key)
            removed += 1
    return removed
