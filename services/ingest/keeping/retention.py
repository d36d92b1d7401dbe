"""Letting go what has been kept for long enough, and telling owners before. The bytes go with the garbage.

Each project is a transaction of its own, so that a death in between loses nothing and tells nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.announcements import OutputNews
from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.keeping.rules import WARNING, Keeping, Standing, due
from services.ingest.projects.events import OutputExpiring
from services.ingest.projects.store import busy
from services.ingest.projects.telling import tell
from services.ingest.webhooks.announce import announce
from services.ingest.webhooks.records import Standing as StandingEndpoint

log = logging.getLogger(__name__)

PAGE = 200


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass has come to."""

    warned: int = 0
    """Finished videos whose owners were told."""
    let_go: int = 0
    """Files that may be removed."""


class Retention:
    """One pass is `run`. Safe with several at once.

    standing: the endpoint of the settings, which is told as well.
    """

    def __init__(
        self,
        database: Database,
        keeping: Keeping,
        *,
        clock: Callable[[], datetime],
        standing: StandingEndpoint | None = None,
    ) -> None:
        self.keeping = keeping
        self._database = database
        self._clock = clock
        self._standing = standing

    async def run(self) -> Passed:
        """Look at every project once. Raises Retryable("ledger_unavailable")."""
        warned, let_go, last = 0, 0, ""
        while ids := await self._page(last):
            for project_id in ids:
                passed = await self._database.transact(partial(self._look, project_id=project_id))
                warned, let_go = warned + passed.warned, let_go + passed.let_go
            last = ids[-1]
        return Passed(warned=warned, let_go=let_go)

    async def _page(self, after: str) -> list[str]:
        """The next projects of which something may be due."""
        now, keeping, c, p = self._clock(), self.keeping, t.references.c, t.projects.c
        terms: list[sa.ColumnElement[bool]] = []
        if keeping.uploads is not None:
            terms.append(c.reason.in_(("source", "still")) & (p.last_used <= now - keeping.uploads))
        if keeping.outputs is not None:
            unwarned = c.warned_at.is_(None) & (c.created_at <= now - keeping.outputs + WARNING)
            warned = (c.warned_at <= now - WARNING) & (c.created_at <= now - keeping.outputs)
            terms.append((c.reason == "output") & (unwarned | warned))
        if not terms:
            return []
        this = sa.exists().where(c.project_id == p.id, c.let_go_at.is_(None), sa.or_(*terms))
        query = sa.select(p.id).where(p.id > after, this).order_by(p.id).limit(PAGE)
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def _look(self, connection: AsyncConnection, project_id: str) -> Passed:
        """One project, which nobody orders over until the transaction ends. What a running job needs stays."""
        now, p, c = self._clock(), t.projects.c, t.references.c
        query = sa.select(p.owner, p.last_used, p.created_at).where(p.id == project_id)
        if self._database.locks_rows:
            query = query.with_for_update()  # an order waits for it: its job refers to the project
        project = (await connection.execute(query)).one_or_none()
        if project is None or await busy(connection, project_id):
            return Passed()
        columns = [c[name] for name in Standing.__struct_fields__]
        rows = await connection.execute(
            sa.select(*columns).where(c.project_id == project_id, c.let_go_at.is_(None))
        )
        standing = [Standing(**row) for row in rows.mappings()]
        found = due(standing, project.last_used or project.created_at, self.keeping, now)
        await _mark(connection, project_id, found.warn, warned_at=now)
        await _mark(connection, project_id, found.let_go, let_go_at=now)
        warned = await self._warn(connection, project_id, project.owner, found.warn, now)
        if found.let_go:
            log.info("let go of %d files of project %s", len(found.let_go), project_id)
        return Passed(warned=warned, let_go=len(found.let_go))

    async def _warn(
        self,
        connection: AsyncConnection,
        project_id: str,
        owner: str,
        expiring: Mapping[str, datetime],
        now: datetime,
    ) -> int:
        """Tell of the videos among what will go, in the project's events and by webhooks; how many."""
        if not expiring:
            return 0
        e = t.exports.c
        exports = await connection.execute(
            sa.select(e.id, e.job_id, e.video).where(e.project_id == project_id).order_by(e.id)
        )
        told = [(row, expiring[row.video.sha256]) for row in exports if row.video.sha256 in expiring]
        news = [OutputExpiring(export_id=row.id, job_id=row.job_id, expires_at=end, at=now) for row, end in told]
        await tell(connection, project_id, news, now)
        for row, end in told:
            output = OutputNews(
                job_id=row.job_id,
                project_id=project_id,
                video_path=f"/api/v1/projects/{project_id}/exports/{row.id}/download",
                expires_at=end,
            )
            await announce(connection, owner, "output_expiring", output, now, standing=self._standing)
        return len(told)


async def _mark(connection: AsyncConnection, project_id: str, digests: Collection[str], **values: Any) -> None:
    c, marked = t.references.c, sorted(digests)
    for start in range(0, len(marked), PAGE):
        some = c.sha256.in_(marked[start : start + PAGE])
        await connection.execute(sa.update(t.references).where(c.project_id == project_id, some).values(**values))
