"""How much one user's files take, each blob counted once, and how much they may."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.keeping.reasons import Reason
from services.ingest.keeping.references import rank
from services.ingest.uploads.tables import uploads

GB = 1_000_000_000
USUAL_GB = 10.0
"""Where there is a login and the settings say nothing."""


class Taken(NamedTuple):
    """What files of one kind take. reason: None for uploads that wait for their job or project."""

    reason: Reason | None
    files: int
    size: int
    """Bytes."""


class Quota(NamedTuple):
    """How many bytes one user's files may take; None: as many as there are."""

    most: int | None = None

    @classmethod
    def of(cls, gigabytes: float | None, *, usual: float) -> Quota:
        """By the setting; 0: as much as there is. usual: where it says nothing."""
        return cls(round((usual if gigabytes is None else gigabytes) * GB) or None)

    async def hold(self, database: Database, connection: AsyncConnection, owner: str) -> None:
        """To be called before anything is added: of one user's files, only one transaction adds some at a time."""
        if self.most is not None and database.locks_rows:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_of(owner))))

    async def check(self, connection: AsyncConnection, owner: str, now: datetime) -> None:
        """To be called once all is added. Raises Permanent("quota_exceeded") when that is too much."""
        if self.most is None:
            return
        took = await _sum(connection, owner, now)
        if took > self.most:
            raise Permanent(
                "quota_exceeded", f"With this, your files would take {took / GB:.2f} of {self.most / GB:.2f} GB."
            )


UNLIMITED = Quota()


async def taken(connection: AsyncConnection, owner: str, now: datetime) -> list[Taken]:
    """What a user's files take, the most first. A blob that is several things is what keeps it longest."""
    every = _files(owner, now).subquery()
    order = sa.func.row_number().over(partition_by=every.c.file, order_by=(every.c.rank, every.c.size.desc()))
    once = sa.select(every, order.label("place")).subquery()
    query = (
        sa.select(once.c.reason, sa.func.count().label("files"), sa.func.sum(once.c.size).label("size"))
        .where(once.c.place == 1)
        .group_by(once.c.reason)
    )
    rows = [Taken(row.reason, row.files, int(row.size)) for row in await connection.execute(query)]
    return sorted(rows, key=lambda one: -one.size)


async def _sum(connection: AsyncConnection, owner: str, now: datetime) -> int:
    """The same as one number, which is quicker to have."""
    every = _files(owner, now).subquery()
    once = sa.select(sa.func.max(every.c.size).label("size")).group_by(every.c.file).subquery()
    return int((await connection.execute(sa.select(sa.func.coalesce(sa.func.sum(once.c.size), 0)))).scalar_one())


def _files(owner: str, now: datetime) -> sa.CompoundSelect[Any]:
    """Every reference and every upload of a user."""
    r, p, u = t.references.c, t.projects.c, uploads.c
    kept = (
        sa.select(r.sha256.label("file"), r.size, rank(r.reason).label("rank"), r.reason)
        .join_from(t.references, t.projects, p.id == r.project_id)
        .where(p.owner == owner, r.let_go_at.is_(None))
    )
    waits = sa.select(
        sa.func.coalesce(u.sha256, u.id).label("file"),
        u.size,
        sa.literal(_LAST).label("rank"),
        sa.null().label("reason"),
    ).where(u.owner == owner, u.expires_at > now)
    return sa.union_all(kept, waits)


_LAST = 99
"""The rank of what no project refers to."""


def _lock_of(owner: str) -> int:
    """Key of the PostgreSQL advisory lock under which a user's files are added."""
    return int.from_bytes(hashlib.sha256(f"beatloom files of {owner}".encode()).digest()[:7], "big")
