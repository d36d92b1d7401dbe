"""Deletions as users and operators see them: what would go, asked for, followed to the end."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from libs.contracts.jobs import State
from services.ingest import tables as t
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.accounts.people import change_user
from services.ingest.accounts.tables import api_keys, sessions, users
from services.ingest.database import Database
from services.ingest.ids import new_id
from services.ingest.my_data.tables import data_exports, deletions
from services.ingest.uploads.tables import uploads
from services.ingest.webhooks.tables import webhook_endpoints

Status = Literal["stopping", "erasing", "done"]
UNFINISHED = ("stopping", "erasing")
ENDED = [state.value for state in State if state.ended]


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """All that is a user's, counted."""

    projects: int
    jobs: int
    running_jobs: int
    takes: int
    videos: int
    uploads: int
    webhook_endpoints: int
    api_keys: int
    data_exports: int
    files: Annotated[int, Meta(description="Different files, those of others that are the same included.")]
    bytes: Annotated[int, Meta(description="Of these files.")]
    confirm: Annotated[str, Meta(description="Send it to delete just this.")]


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """One, as its row stands. It says nothing of whom it is about."""

    id: str
    status: Status
    asked_at: datetime
    ended_at: datetime | None


_SHOWN = [deletions.c[name] for name in Deletion.__struct_fields__]


class Deletions:
    """All deletions. Errors of a database that is away are `Retryable("ledger_unavailable")`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    async def holdings(self, owner: str) -> Holdings:
        """What is this user's now."""
        async with self._database.read() as connection:
            return await read_holdings(connection, owner)

    async def ask(self, caller: Caller, owner: str, confirm: str) -> Deletion:
        """Begin to delete all that is a user's, or find the deletion that has begun. confirm: as `holdings` says.

        From here on the user can't log in, and their keys are good for nothing. Operators ask for others.
        Raises Permanent: deletion_not_confirmed; last_operator, when nobody would run the installation any more.
        """
        return await self._database.transact(lambda connection: self._ask(connection, caller, owner, confirm))

    async def get(self, deletion_id: str) -> Deletion:
        """One. Raises Permanent("deletion_not_found")."""
        found = None
        if deletion_id.isalnum():  # PostgreSQL takes no NUL, and strangers may ask
            async with self._database.read() as connection:
                found = await _read(connection, deletions.c.id == deletion_id)
        if found is None:
            raise Permanent("deletion_not_found")
        return found

    async def _ask(self, connection: AsyncConnection, caller: Caller, owner: str, confirm: str) -> Deletion:
        now, d = self._clock(), deletions.c
        await connection.execute(sa.select(users.c.id).where(users.c.id == owner).with_for_update())
        begun = await _read(connection, (d.owner == owner) & d.status.in_(UNFINISHED))
        if begun is not None:
            return begun
        standing = await read_holdings(connection, owner)
        if not hmac.compare_digest(standing.confirm.encode(), confirm.encode()):
            raise Permanent("deletion_not_confirmed")
        if (await connection.execute(sa.select(users.c.id).where(users.c.id == owner))).first() is not None:
            await change_user(connection, caller, owner, now, enabled=False)
            for table in (sessions, api_keys):
                await connection.execute(sa.delete(table).where(table.c.owner == owner))
        deletion = Deletion(id=new_id(), status="stopping", asked_at=now, ended_at=None)
        await connection.execute(sa.insert(deletions).values(**msgspec.structs.asdict(deletion), owner=owner))
        await note(connection, caller, "deletion.asked", owner, now)
        return deletion


async def read_holdings(connection: AsyncConnection, owner: str) -> Holdings:
    """What is a user's, in this transaction."""
    listed = {
        name: (await connection.execute(sa.select(table.c.id).where(table.c.owner == owner))).scalars().all()
        for name, table in _LISTED.items()
    }
    mine = sa.select(t.projects.c.id).where(t.projects.c.owner == owner)
    running = t.jobs.c.state.not_in(ENDED)

    async def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(table).where(*where)
        return int((await connection.execute(query)).scalar_one())

    r = t.references.c
    there = (r.project_id.in_(mine), r.let_go_at.is_(None))
    kept = sa.select(r.sha256, sa.func.max(r.size).label("size")).where(*there).group_by(r.sha256)
    sent = sa.select(uploads.c.sha256, uploads.c.size).where(
        uploads.c.owner == owner, uploads.c.sha256.is_not(None)
    )
    files: dict[str, int] = {}
    for query in (sent, kept):
        files |= {
            row.sha256: max(row.size or 0, files.get(row.sha256, 0)) for row in await connection.execute(query)
        }
    return Holdings(
        **{name: len(ids) for name, ids in listed.items()},
        running_jobs=await count(t.jobs, t.jobs.c.owner == owner, running),
        takes=await count(t.takes, t.takes.c.project_id.in_(mine)),
        videos=await count(t.exports, t.exports.c.project_id.in_(mine)),
        files=len(files),
        bytes=sum(files.values()),
        confirm=_confirmation(owner, listed),
    )


def _confirmation(owner: str, listed: Mapping[str, Sequence[str]]) -> str:
    """What stands for a list: another list has another."""
    told = msgspec.json.encode([owner, {name: sorted(ids) for name, ids in listed.items()}], order="sorted")
    return hashlib.sha256(told).hexdigest()


async def _read(connection: AsyncConnection, which: sa.ColumnElement[bool]) -> Deletion | None:
    row = (await connection.execute(sa.select(*_SHOWN).where(which))).mappings().one_or_none()
    return None if row is None else Deletion(**row)


_LISTED = {
    "projects": t.projects,
    "jobs": t.jobs,
    "uploads": uploads,
    "webhook_endpoints": webhook_endpoints,
    "api_keys": api_keys,
    "data_exports": data_exports,
}
"""What a confirmation is about: whatever a person makes. Takes and videos follow from the jobs."""
