"""Taking a user's rows out of the ledger, and listing what they name outside of it in the same transactions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from services.ingest import tables as t
from services.ingest.access.tables import audit
from services.ingest.database import Database, note_change
from services.ingest.my_data.claims import Claim
from services.ingest.my_data.holdings import erased_tables, rows_of
from services.ingest.my_data.tables import data_exports, deletion_items
from services.ingest.projects.store import busy, remove_rows
from services.ingest.uploads.tables import uploads
from services.ingest.webhooks.tables import deliveries

ROWS = 500


class Item(NamedTuple):
    """Something to be looked at outside the ledger."""

    kind: str
    name: str


def pseudonym(deletion_id: str) -> str:
    """What the audit log calls somebody who has left."""
    return f"deleted-{deletion_id}"


async def list_items(
    database: Database, connection: AsyncConnection, deletion_id: str, items: Iterable[Item]
) -> None:
    """Note what is to be looked at; what is noted already stays."""
    build: Any = postgresql.insert if database.locks_rows else sqlite.insert
    rows = [{"deletion_id": deletion_id, **item._asdict()} for item in items]
    for start in range(0, len(rows), ROWS):
        new = build(deletion_items).values(rows[start : start + ROWS]).on_conflict_do_nothing()
        await connection.execute(new)


async def empty_project(database: Database, connection: AsyncConnection, claim: Claim, project_id: str) -> None:
    """Take a project out with its jobs. Raises Lost; Permanent("project_busy") when a job runs."""
    await claim.hold(connection)
    if database.locks_rows:
        locked = sa.select(t.projects.c.id).where(t.projects.c.id == project_id).with_for_update()
        await connection.execute(locked)
    if await busy(connection, project_id):
        raise Permanent("project_busy")
    jobs = await _all(connection, sa.select(t.jobs.c.id).where(t.jobs.c.project_id == project_id))
    r = t.references.c
    blobs = await _all(connection, sa.select(r.sha256).where(r.project_id == project_id))
    items = [*(Item("job", name) for name in jobs), *(Item("blob", name) for name in blobs)]
    await list_items(database, connection, claim.id, items)
    await _rename(connection, claim, [project_id, *jobs])
    await remove_rows(connection, project_id)
    note_change(project_id)
    for job_id in jobs:
        note_change(job_id)


async def empty_rest(database: Database, connection: AsyncConnection, claim: Claim) -> bool:
    """Take everything else out; False when there are projects, which have to go first. Raises Lost."""
    owner: str = claim.row["owner"]
    await claim.hold(connection, status="erasing")
    if await _all(connection, sa.select(t.projects.c.id).where(t.projects.c.owner == owner).limit(1)):
        await claim.hold(connection, status="stopping")
        return False
    sent = await _all(connection, sa.select(uploads.c.id).where(uploads.c.owner == owner))
    blobs = await _all(
        connection, sa.select(uploads.c.sha256).where(uploads.c.owner == owner, uploads.c.sha256.is_not(None))
    )
    exports = await _all(connection, sa.select(data_exports.c.id).where(data_exports.c.owner == owner))
    told = await _all(connection, sa.select(deliveries.c.id).where(deliveries.c.owner == owner))
    items = [
        *(Item("upload", name) for name in sent),
        *(Item("blob", name) for name in blobs),
        *(Item("export", name) for name in exports),
        *(Item("job", name) for name in told),
    ]
    await list_items(database, connection, claim.id, items)
    tables = erased_tables()
    for table in tables:
        if "id" in table.c and isinstance(table.c.id.type, sa.String):
            await _rename(
                connection, claim, await _all(connection, sa.select(table.c.id).where(rows_of(table, owner)))
            )
    await _rename(connection, claim, [owner])
    mine = sa.update(audit).where(audit.c.actor == owner)
    await connection.execute(mine.values(actor=pseudonym(claim.id), address="", detail="{}"))
    for table in tables:
        await connection.execute(sa.delete(table).where(rows_of(table, owner)))
    return True


async def _rename(connection: AsyncConnection, claim: Claim, ids: list[str]) -> None:
    """Let the audit log name none of these any more."""
    for start in range(0, len(ids), ROWS):
        about = sa.update(audit).where(audit.c.subject.in_(ids[start : start + ROWS]))
        await connection.execute(about.values(subject=pseudonym(claim.id), detail="{}"))


async def _all(connection: AsyncConnection, query: sa.Select[Any]) -> list[str]:
    return list((await connection.execute(query)).scalars())
