"""Projects in the ledger: made, read, changed by one at a time, removed with all that belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from libs.contracts.facts import Usage
from libs.contracts.jobs import State
from libs.contracts.projects import ProjectSettings
from services.ingest import tables as t
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.database import Database, note_change
from services.ingest.ids import new_id
from services.ingest.keeping.references import note_use, refer
from services.ingest.ledger import utc_now
from services.ingest.money.tables import charges
from services.ingest.projects.events import ProjectChanged, ProjectEvent, ScenesChanged
from services.ingest.projects.records import NewProject, Project, ProjectEventRow, Spent
from services.ingest.projects.tables import project_events
from services.ingest.projects.telling import tell
from services.ingest.schema import metadata

USE_NOTED = timedelta(days=1)


class _Used(msgspec.Struct, frozen=True):
    """The part of a fact that says what it cost."""

    usage: Usage = Usage()


class Projects:
    """Every method raises `Retryable("ledger_unavailable")` when the database is away, and
    `Permanent("project_not_found")` for a project that isn't there or is somebody else's."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def create(self, new: NewProject) -> Project:
        """A new one."""
        project_id = new_id()

        async def work(connection: AsyncConnection) -> None:
            now = self._clock()
            values = {**msgspec.structs.asdict(new), "id": project_id, "created_at": now, "updated_at": now}
            values |= {"settings": new.settings, "last_used": now}
            await connection.execute(sa.insert(t.projects).values(**values))
            await refer(self._database, connection, project_id, new, now, reason="source")

        await self._database.transact(work)
        return await self.get(new.owner, project_id)

    async def get(self, owner: str, project_id: str) -> Project:
        """One. Who opens a project uses it: that is noted once a day."""
        async with self._database.read() as connection:
            project = await read_project(connection, owner, project_id)
        now = self._clock()
        if (project.last_used or project.created_at) < now - USE_NOTED:
            await self._database.transact(lambda it: note_use(it, project_id, now))
        return project

    async def standing(self, owner: str, project_id: str) -> tuple[int, Project]:
        """One, and the number of the last event that it includes."""
        query = sa.select(t.projects.c.last_event).where(t.projects.c.id == project_id)
        async with self._database.read() as connection:
            last = (await connection.execute(query)).scalar_one_or_none()  # first, so that the project includes it
            return last or 0, await read_project(connection, owner, project_id)

    async def events(self, owner: str, project_id: str, *, after: int, limit: int) -> list[ProjectEventRow]:
        """Events with a number above `after`, in order."""
        c, p = project_events.c, t.projects.c
        there = sa.select(p.id).where(p.id == project_id, p.owner == owner)
        query = sa.select(c.number, c.name, c.data).where(c.project_id == project_id, c.number > after)
        async with self._database.read() as connection:
            if (await connection.execute(there)).first() is None:
                raise Permanent("project_not_found")
            rows = await connection.execute(query.order_by(c.number).limit(limit))
            return [ProjectEventRow(number=row.number, name=row.name, data=row.data.encode()) for row in rows]

    async def page(self, owner: str, *, limit: int, before: str | None) -> list[Project]:
        """The newest first; `before` is the last id of the page before."""
        query = _PROJECT.where(t.projects.c.owner == owner).order_by(t.projects.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(t.projects.c.id < before)
        async with self._database.read() as connection:
            return [_project(row) for row in (await connection.execute(query)).mappings()]

    async def change(
        self,
        owner: str,
        project_id: str,
        version: int,
        values: Mapping[str, Any],
        *,
        capped_by: Caller | None = None,
    ) -> Project:
        """Write columns, if the project is still at this version. Files can't be changed under a running job.

        capped_by: who says anew what it may cost, for the audit log.
        Raises Permanent: version_conflict, project_busy.
        """

        async def work(connection: AsyncConnection) -> Project:
            now = self._clock()
            if _FILES & values.keys() and await busy(connection, project_id):
                raise Permanent("project_busy")
            await bump(connection, owner, project_id, version, values, now=now)
            if capped_by is not None:
                cap = values["settings"].budget_cap_usd
                await note(connection, capped_by, "budget.capped", project_id, now, scope="project", cap=cap)
            if {"storyboard", "analysis"} & values.keys():
                await tell(connection, project_id, [ScenesChanged(at=now)], now)
            await refer(self._database, connection, project_id, tuple(values.values()), now, reason="source")
            return await read_project(connection, owner, project_id)

        return await self._database.transact(work)

    async def spent(self, owner: str, project_id: str) -> Spent:
        """What its jobs have cost."""
        of_project = sa.select(t.jobs.c.id).where(t.jobs.c.project_id == project_id, t.jobs.c.owner == owner)
        query = sa.select(t.facts.c.message).where(t.facts.c.job_id.in_(of_project))
        async with self._database.read() as connection:
            messages = (await connection.execute(query)).scalars().all()
        used = [msgspec.json.decode(message, type=_Used).usage for message in messages]
        return Spent(
            cpu_seconds=round(sum(one.cpu_seconds for one in used), 3),
            gpu_seconds=round(sum(one.gpu_seconds for one in used), 3),
            cost=round(sum(one.cost for one in used), 6),
        )

    async def remove(self, owner: str, project_id: str, version: int | None = None) -> None:
        """Take it out of the ledger with its jobs, scenes and takes; the sweeper takes the files.

        version: None for whichever it has by now. Raises Permanent: version_conflict; project_busy while a job over
        it runs.
        """

        async def work(connection: AsyncConnection) -> None:
            project = await read_project(connection, owner, project_id, lock=self._database.locks_rows)
            if version is not None and project.version != version:
                raise Permanent("version_conflict")
            if await busy(connection, project.id):
                raise Permanent("project_busy")
            await remove_rows(connection, project.id)
            note_change(project.id)

        await self._database.transact(work)


async def read_project(connection: AsyncConnection, owner: str, project_id: str, *, lock: bool = False) -> Project:
    """The project. lock: nobody else changes it until the transaction ends. Raises as `Projects` does."""
    this = (t.projects.c.id == project_id) & (t.projects.c.owner == owner)
    if lock:
        await connection.execute(sa.select(t.projects.c.id).where(this).with_for_update())
    row = (await connection.execute(_PROJECT.where(this))).mappings().one_or_none()
    if row is None:
        raise Permanent("project_not_found")
    return _project(row)


async def bump(
    connection: AsyncConnection,
    owner: str,
    project_id: str,
    version: int,
    values: Mapping[str, Any],
    *,
    now: datetime,
    news: Sequence[ProjectEvent] = (),
) -> int:
    """Write columns of a project that nobody has changed since this version, and tell of it; the new version.

    news: what is told besides. Raises Permanent("version_conflict") when somebody has changed it.
    """
    c = t.projects.c
    query = sa.update(t.projects).where(c.id == project_id, c.owner == owner, c.version == version)
    query = query.values(**values, version=version + 1, updated_at=now, last_used=now)
    if (await connection.execute(query)).rowcount != 1:
        await read_project(connection, owner, project_id)
        raise Permanent("version_conflict")
    await tell(connection, project_id, [ProjectChanged(at=now), *news], now)
    return version + 1


async def busy(connection: AsyncConnection, project_id: str) -> bool:
    """Whether a job over the project runs."""
    query = sa.select(t.jobs.c.id).where(t.jobs.c.project_id == project_id, t.jobs.c.state.not_in(_ENDED)).limit(1)
    return (await connection.execute(query)).first() is not None


async def remove_rows(connection: AsyncConnection, project_id: str) -> None:
    """Whatever names the project or one of its jobs, those that refer to others first. What was paid stays paid."""
    query = sa.select(t.jobs.c.id).where(t.jobs.c.project_id == project_id)
    jobs = (await connection.execute(query.with_for_update())).scalars().all()  # and so wait for facts in work
    for table in reversed(metadata.sorted_tables):
        if table is charges:
            continue
        if "project_id" in table.c:
            await connection.execute(sa.delete(table).where(table.c.project_id == project_id))
        elif "job_id" in table.c:
            await connection.execute(sa.delete(table).where(table.c.job_id.in_(jobs)))
    await connection.execute(sa.delete(t.projects).where(t.projects.c.id == project_id))


_FILES = {"song", "image", "lyrics"}
_ENDED = [state.value for state in State if state.ended]

_OF_PROJECT = sa.select(sa.func.max(t.jobs.c.id)).where(t.jobs.c.project_id == t.projects.c.id)
_LAST_JOB = _OF_PROJECT.correlate(t.projects).scalar_subquery()


def _count(*where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    query = sa.select(sa.func.count()).select_from(t.scenes).where(t.scenes.c.project_id == t.projects.c.id, *where)
    return query.scalar_subquery()


_PROJECT = sa.select(
    *(t.projects.c[name] for name in Project.__struct_fields__ if name in t.projects.c),
    _count().label("scenes"),
    _count(t.scenes.c.take_id.is_not(None)).label("scenes_shown"),
    t.jobs.c.id.label("job_id"),
    t.jobs.c.state,
).select_from(t.projects.outerjoin(t.jobs, t.jobs.c.id == _LAST_JOB))


def _project(row: sa.RowMapping) -> Project:
    values: dict[str, Any] = {name: row[name] for name in Project.__struct_fields__}
    values["settings"] = values["settings"] or ProjectSettings()
    values["updated_at"] = values["updated_at"] or values["created_at"]
    values["state"] = State(values["state"]) if values["state"] else None
    return Project(**values)
