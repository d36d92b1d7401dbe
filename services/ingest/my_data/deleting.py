"""Carrying a deletion out. Each step can be done again, so that a death in any of them loses nothing:

1. stopping: what runs is cancelled, and its workers are waited for;
2. the ledger: project by project, each in a transaction that also lists what lies outside of it (`deletion_items`);
   the last of them takes everything else, and makes the deletion `erasing`;
3. erasing: records of results, files, messages, counters, by that list and by the tag of the owner;
4. done: the row says when, and no longer who.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.artifacts.store import ArtifactStore
from libs.bus.erasing import Erasing
from libs.contracts.artifacts import OUTPUTS, RESULTS, blob_key, results_prefix
from libs.contracts.errors import Permanent, Retryable
from libs.contracts.tasks import RUN_INDEPENDENT
from services.ingest import tables as t
from services.ingest.access.callers import LOCAL
from services.ingest.database import Database
from services.ingest.garbage import referred_blobs
from services.ingest.ledger import Ledger
from services.ingest.my_data.claims import Claim
from services.ingest.my_data.deletions import ENDED
from services.ingest.my_data.emptying import Item, empty_project, empty_rest, list_items
from services.ingest.my_data.exporting import erase_folder
from services.ingest.my_data.tables import deletion_items
from services.ingest.uploads.presign import incoming_key

R = TypeVar("R")

log = logging.getLogger(__name__)

PATIENCE = timedelta(seconds=60)
"""How long workers are waited for: they stop within ten seconds, unless they are dead."""
GRACE = timedelta(minutes=2)
"""A file that was stored since may be about to be referred to by somebody else: it is looked at again later."""
LOOK_S = 0.5
CHUNK = 200
AT_ONCE = 16

_DIGEST = re.compile(rb'"([0-9a-f]{64})"')


class Deleting:
    """Works on one deletion at a time. forget: drops what is counted or cached of a user."""

    def __init__(
        self,
        *,
        database: Database,
        store: ArtifactStore,
        erasing: Erasing,
        ledger: Ledger,
        forget: Callable[[str], Awaitable[None]],
        clock: Callable[[], datetime],
        patience: timedelta = PATIENCE,
        grace: timedelta = GRACE,
    ) -> None:
        self._database, self._store, self._erasing, self._ledger = database, store, erasing, ledger
        self._forget, self._clock = forget, clock
        self._patience, self._grace = patience, grace

    async def go_on(self, claim: Claim) -> None:
        """Do what is left of it. Raises Lost, Retryable."""
        if claim.row["status"] == "stopping":
            await self._stop(claim)
            await self._empty_ledger(claim)
        await self._erase_results(claim)
        await self._erase_kind(claim, "export", lambda name: erase_folder(self._store, name))
        await self._erase_kind(claim, "upload", lambda name: self._store.delete(incoming_key(name)))
        await self._erase_jobs(claim)
        await self._forget(claim.row["owner"])
        if await self._erase_blobs(claim):
            await claim.release(self._grace / 4)
        else:
            await self._database.wipe()
            await self._database.transact(lambda connection: self._finish(connection, claim))
            log.info("a deletion is done", extra={"deletion_id": claim.id})

    async def _finish(self, connection: AsyncConnection, claim: Claim) -> None:
        rest = {"claim": "", "claimed_until": None, "owner": "", "ended_at": self._clock()}
        await claim.hold(connection, status="done", **rest)

    # What runs.

    async def _stop(self, claim: Claim) -> None:
        """Cancel all jobs, and wait for their workers."""
        owner, c, until = claim.row["owner"], t.jobs.c, self._clock() + self._patience
        while True:
            await claim.beat()
            async with self._database.read() as connection:
                rows = (await connection.execute(sa.select(c.id, c.state).where(c.owner == owner))).all()
            for row in rows:
                if row.state not in ENDED:
                    await self._cancel(row.id)
            if self._clock() >= until or not await self._busy(claim, {row.id for row in rows}):
                return
            await asyncio.sleep(LOOK_S)

    async def _cancel(self, job_id: str) -> None:
        try:
            await self._ledger.cancel(job_id)
        except Permanent as error:  # it has ended, or is gone
            log.info("%s can't be cancelled: %s", job_id, error)

    async def _busy(self, claim: Claim, jobs: set[str]) -> bool:
        """Whether a worker has a task of one of these jobs, or may not know yet that it has ended."""
        c = t.outbox.c
        unsent = sa.select(c.job_id).where(c.sent_at.is_(None), c.kind == "control")
        async with self._database.read() as connection:
            if jobs & set((await connection.execute(unsent)).scalars()):
                return True
        return bool(jobs) and bool(await self._erasing.kinds_waiting(jobs, claim.beat) - RUN_INDEPENDENT)

    # What the ledger says.

    async def _empty_ledger(self, claim: Claim) -> None:
        owner, c = claim.row["owner"], t.projects.c
        query = sa.select(c.id).where(c.owner == owner).order_by(c.id).limit(CHUNK)
        emptied = False
        while not emptied:
            async with self._database.read() as connection:
                projects: Sequence[str] = (await connection.execute(query)).scalars().all()
            for project_id in projects:
                await claim.beat()
                await self._empty_project(claim, project_id)
            if not projects:
                emptied = await self._database.transact(
                    lambda connection: empty_rest(self._database, connection, claim)
                )

    async def _empty_project(self, claim: Claim, project_id: str) -> None:
        try:
            await self._database.transact(
                lambda connection: empty_project(self._database, connection, claim, project_id)
            )
        except Permanent as error:
            raise Retryable("conflict", f"A job has begun meanwhile ({error}).") from error

    # What lies outside of it.

    async def _erase_results(self, claim: Claim) -> None:
        """Delete the records of results, and list the blobs that they name first."""
        chunk: list[str] = []
        async for stored in self._store.list(results_prefix(claim.row["owner"])):
            chunk.append(stored.key)
            if len(chunk) == CHUNK:
                await self._erase_records(claim, chunk)
                chunk = []
        if claim.row["owner"] == LOCAL:  # records from before there were tags
            async for stored in self._store.list(f"{RESULTS}/"):
                if stored.key.count("/") == 1:
                    chunk.append(stored.key)
        await self._erase_records(claim, chunk)

    async def _erase_records(self, claim: Claim, keys: list[str]) -> None:
        await claim.beat()
        texts = await self._each(keys, self._store.get_bytes)
        found = {digest.decode() for text in texts for digest in _DIGEST.findall(text or b"")}
        await self._list(claim, [Item("blob", digest) for digest in sorted(found)])
        await self._each(keys, self._store.delete)

    async def _list(self, claim: Claim, items: Iterable[Item]) -> None:
        async def note(connection: AsyncConnection) -> None:
            await claim.hold(connection)
            await list_items(self._database, connection, claim.id, items)

        await self._database.transact(note)

    async def _erase_kind(self, claim: Claim, kind: str, erase: Callable[[str], Awaitable[None]]) -> None:
        while names := await self._next(claim, kind):
            await self._each(names, erase)
            await self._strike(claim, kind, names)

    async def _erase_jobs(self, claim: Claim) -> None:
        jobs: list[str] = []
        while names := await self._next(claim, "job", after=jobs[-1] if jobs else ""):
            await self._each(names, self._erase_output)
            jobs += names
        if jobs:
            await self._erasing.erase(set(jobs), claim.beat)
        for start in range(0, len(jobs), CHUNK):
            await self._strike(claim, "job", jobs[start : start + CHUNK])

    async def _erase_output(self, job_id: str) -> None:
        async for stored in self._store.list(f"{OUTPUTS}/{job_id}/"):
            await self._store.delete(stored.key)

    async def _erase_blobs(self, claim: Claim) -> bool:
        """Delete those that nobody else refers to; whether some are too young for it."""
        last, young = "", False
        while names := await self._next(claim, "blob", after=last):
            last, now = names[-1], self._clock()
            wanted = await referred_blobs(self._database, set(names), now)
            left = await self._each([name for name in names if name not in wanted], self._erase_blob)
            young = young or any(left)
            await self._strike(claim, "blob", [name for name in names if name not in set(left)])
        return young

    async def _erase_blob(self, digest: str) -> str:
        """ "" when it is gone, else the digest of one that somebody has just stored."""
        standing = await self._store.stat(blob_key(digest))
        if standing is None:
            return ""
        if standing.modified > self._clock() - self._grace:
            return digest
        await self._store.delete(standing.key)
        return ""

    # How.

    async def _next(self, claim: Claim, kind: str, *, after: str = "") -> list[str]:
        await claim.beat()
        c = deletion_items.c
        query = sa.select(c.name).where(c.deletion_id == claim.id, c.kind == kind, c.name > after)
        async with self._database.read() as connection:
            return list((await connection.execute(query.order_by(c.name).limit(CHUNK))).scalars())

    async def _strike(self, claim: Claim, kind: str, names: list[str]) -> None:
        """Note that these are looked at."""
        c = deletion_items.c
        gone = sa.delete(deletion_items).where(c.deletion_id == claim.id, c.kind == kind, c.name.in_(names))
        await self._database.transact(lambda connection: connection.execute(gone))

    async def _each(self, names: Sequence[str], do: Callable[[str], Awaitable[R]]) -> list[R]:
        """What `do` gives of each, a few at once."""
        found: list[R] = []
        for start in range(0, len(names), AT_ONCE):
            found += await asyncio.gather(*(do(name) for name in names[start : start + AT_ONCE]))
        return found
