"""What projects refer to: noted in the transaction that calls for it, so that the sweeper keeps it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from services.ingest import tables as t
from services.ingest.columns import Moment
from services.ingest.database import Database
from services.ingest.keeping.reasons import REASONS, Reason, noted_in

GRACE = timedelta(hours=1)
"""How long bytes stay after their last reference was let go: a task that has just found them can still refer to
them."""


async def refer(
    database: Database,
    connection: AsyncConnection,
    project_id: str,
    body: object,
    now: datetime,
    *,
    reason: Reason = "work",
) -> None:
    """Note that the project refers to every blob in `body`. What was let go is referred to again, and a finished
    file that is made again is as new. reason: of blobs whose place in the body tells none."""
    rows = [{**noted._asdict(), "project_id": project_id, "created_at": now} for noted in noted_in(body, reason)]
    if rows:
        await connection.execute(_noting(database.dialect), rows)


@cache
def _noting(dialect: str) -> sa.Insert:
    """The statement that notes references, which is long: building it anew for each fact would cost a lot."""
    build: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    query, c = build(t.references), t.references.c
    new = query.excluded
    made_again = (c.reason == "output") & (new.reason == "output") & (c.created_at < new.created_at)
    longer = rank(new.reason) < rank(c.reason)
    noting: sa.Insert = query.on_conflict_do_update(
        index_elements=[c.sha256, c.project_id],
        set_={
            "reason": sa.case((longer, new.reason), else_=c.reason),
            "size": new.size,
            "created_at": sa.case((made_again, new.created_at), else_=c.created_at),
            "warned_at": None,
            "let_go_at": None,
        },
        where=c.let_go_at.is_not(None) | longer | made_again,
    )
    return noting


def referred_to(now: datetime) -> sa.ColumnElement[bool]:
    """Whether a reference still keeps its blob."""
    c = t.references.c
    return c.let_go_at.is_(None) | (c.let_go_at > now - GRACE)


async def removed_of(
    connection: AsyncConnection, project_id: str, digests: Collection[str], now: datetime
) -> set[str]:
    """Those of these blobs that the project refers to no more."""
    c = t.references.c
    query = sa.select(c.sha256).where(c.project_id == project_id, c.sha256.in_(digests), ~referred_to(now))
    return set((await connection.execute(query)).scalars())


async def refuse_gone(
    connection: AsyncConnection, project_id: str, digests: Collection[str], now: datetime
) -> None:
    """Raises Permanent("gone") when any of these files of a project, which nobody can make again, were removed."""
    c = t.references.c
    query = sa.select(sa.func.count(), sa.func.max(c.let_go_at, type_=Moment())).where(
        c.project_id == project_id, c.sha256.in_(digests), ~referred_to(now)
    )
    count, at = (await connection.execute(query)).one()
    if count:
        told = (
            f"{count} of the files that were sent for it are removed since {at:%d %B %Y}: nobody used the project."
        )
        raise Permanent(
            "gone",
            told,
            hint="Send them again: PATCH the project or its character. A narrated project: order it anew.",
        )


def rank(reason: sa.ColumnElement[str]) -> sa.ColumnElement[int]:
    """Lower for what keeps longer."""
    return sa.case({name: number for number, name in enumerate(REASONS)}, value=reason, else_=len(REASONS))


async def note_use(connection: AsyncConnection, project_id: str, now: datetime) -> None:
    """The project is used: what was sent for it is kept for longer."""
    c = t.projects.c
    await connection.execute(sa.update(t.projects).where(c.id == project_id).values(last_used=now))
