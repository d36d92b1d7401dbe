"""What was spent, by whom, when and on what."""

from __future__ import annotations

from typing import Literal

import msgspec
import sqlalchemy as sa

from libs.money.amounts import amount_of
from services.ingest.accounts.tables import users
from services.ingest.database import Database
from services.ingest.money.tables import charges

By = Literal["user", "project", "job", "kind"]
MOST = 1000


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """A user's month, project, job or kind of task. Amounts are in the currency of the settings."""

    owner: str
    """A user's id; `local` on a machine without logins."""
    email: str | None
    month: str
    project_id: str | None = None
    job_id: str | None = None
    kind: str | None = None
    cost: float
    reserved: float
    """For work that is under way."""
    gpu_seconds: float
    tokens: int
    characters: int


async def spending(database: Database, *, month: str, owner: str, by: By) -> list[Spent]:
    """Who spent most first, at most 1,000. month: as in 2026-11; "" for all. owner: "" for all.

    Raises Retryable("ledger_unavailable").
    """
    c = charges.c
    further = {"user": [], "project": [c.project_id], "job": [c.job_id], "kind": [c.kind]}[by]
    spent = sa.func.coalesce(c.spent, 0)
    held = sa.case((c.settled_at.is_not(None) | (c.reserved <= spent), 0), else_=c.reserved - spent)
    total = sa.func.sum(spent)
    query = (
        sa.select(
            c.owner,
            c.month,
            *further,
            users.c.email,
            total.label("spent"),
            sa.func.sum(held).label("held"),
            sa.func.sum(c.gpu_seconds).label("gpu_seconds"),
            sa.func.sum(c.tokens).label("tokens"),
            sa.func.sum(c.characters).label("characters"),
        )
        .outerjoin(users, users.c.id == c.owner)
        .group_by(c.owner, c.month, users.c.email, *further)
        .order_by(total.desc(), c.owner, c.month, *further)
        .limit(MOST)
    )
    if month:
        query = query.where(c.month == month)
    if owner:
        query = query.where(c.owner == owner)
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [
        Spent(
            owner=row["owner"],
            email=row["email"],
            month=row["month"],
            project_id=row.get("project_id"),
            job_id=row.get("job_id"),
            kind=row.get("kind"),
            cost=amount_of(int(row["spent"])),
            reserved=amount_of(int(row["held"])),
            gpu_seconds=row["gpu_seconds"],
            tokens=int(row["tokens"]),
            characters=int(row["characters"]),
        )
        for row in rows
    ]
