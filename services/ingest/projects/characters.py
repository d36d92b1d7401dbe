"""A project's characters in the ledger. Each write is one of the project: it has a version, and makes the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.artifacts import Blob
from libs.contracts.characters import Bible, Character
from libs.contracts.errors import Permanent
from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.ids import new_id
from services.ingest.keeping.references import refer
from services.ingest.ledger import utc_now
from services.ingest.projects.events import CharactersChanged
from services.ingest.projects.store import bump, read_project
from services.ingest.projects.tables import characters

MOST = 20
"""Characters of one project."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A character's row, and how often it is seen."""

    id: str
    name: str
    description: str
    bible: Bible
    picture: Blob | None
    primary: bool
    created_at: datetime
    updated_at: datetime
    appearances: int = 0


class Characters:
    """Of one user's project. Every method raises Permanent("project_not_found"); those that write also
    version_conflict, those for one character character_not_found."""

    def __init__(
        self, database: Database, owner: str, project_id: str, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._owner = owner
        self._project_id = project_id
        self._clock = clock

    async def all(self) -> tuple[list[Entry], int]:
        """All of them, the primary one first, then the oldest; and the project's version."""
        async with self._database.read() as connection:
            project = await read_project(connection, self._owner, self._project_id)
            return await _entries(connection, self._project_id), project.version

    async def get(self, character_id: str) -> tuple[Entry, int]:
        """One, and the project's version."""
        entries, version = await self.all()
        for entry in entries:
            if entry.id == character_id:
                return entry, version
        raise Permanent("character_not_found")

    async def add(self, version: int, values: Mapping[str, Any]) -> tuple[Entry, int]:
        """A new one. Raises Permanent("too_many_characters")."""
        character_id = new_id()

        async def work(connection: AsyncConnection) -> None:
            now = await self._begin(connection, version)
            count = sa.select(sa.func.count()).where(characters.c.project_id == self._project_id)
            if (await connection.execute(count)).scalar_one() >= MOST:
                raise Permanent("too_many_characters")
            await self._only_primary(connection, values)
            own = {"id": character_id, "project_id": self._project_id, "owner": self._owner, "created_at": now}
            row = {"description": "", "bible": Bible(), "picture": None, "primary": False, **values, **own}
            await connection.execute(sa.insert(characters).values(**row, updated_at=now))
            await refer(self._database, connection, self._project_id, tuple(values.values()), now, reason="source")

        await self._database.transact(work)
        return await self.get(character_id)

    async def change(self, character_id: str, version: int, values: Mapping[str, Any]) -> tuple[Entry, int]:
        """Write columns of one."""

        async def work(connection: AsyncConnection) -> None:
            now = await self._begin(connection, version)
            await self._only_primary(connection, values)
            query = sa.update(characters).where(self._this(character_id)).values(**values, updated_at=now)
            if (await connection.execute(query)).rowcount != 1:
                raise Permanent("character_not_found")
            await refer(self._database, connection, self._project_id, tuple(values.values()), now, reason="source")

        await self._database.transact(work)
        return await self.get(character_id)

    async def remove(self, character_id: str, version: int) -> int:
        """Take one away; the project's version then. Scenes that name it go on without it."""

        async def work(connection: AsyncConnection) -> None:
            await self._begin(connection, version)
            query = sa.delete(characters).where(self._this(character_id))
            if (await connection.execute(query)).rowcount != 1:
                raise Permanent("character_not_found")

        await self._database.transact(work)
        return version + 1

    async def _begin(self, connection: AsyncConnection, version: int) -> datetime:
        now = self._clock()
        news = [CharactersChanged(at=now)]
        await bump(connection, self._owner, self._project_id, version, {}, now=now, news=news)
        return now

    async def _only_primary(self, connection: AsyncConnection, values: Mapping[str, Any]) -> None:
        if values.get("primary"):
            query = sa.update(characters).where(characters.c.project_id == self._project_id)
            await connection.execute(query.values(primary=False))

    def _this(self, character_id: str) -> sa.ColumnElement[bool]:
        if not character_id.isalnum():  # PostgreSQL takes no NUL
            raise Permanent("character_not_found")
        return (characters.c.id == character_id) & (characters.c.project_id == self._project_id)


async def read_characters(connection: AsyncConnection, project_id: str) -> tuple[Character, ...]:
    """As the planner is told of them, the primary one first."""
    entries = await _entries(connection, project_id)
    fields = Character.__struct_fields__
    return tuple(Character(**{name: getattr(entry, name) for name in fields}) for entry in entries)


async def _entries(connection: AsyncConnection, project_id: str) -> list[Entry]:
    c = characters.c
    query = sa.select(characters).where(c.project_id == project_id).order_by(c.primary.desc(), c.created_at, c.id)
    shots = (
        (await connection.execute(sa.select(t.scenes.c.shot).where(t.scenes.c.project_id == project_id)))
        .scalars()
        .all()
    )
    seen = Counter(name for shot in shots for name in shot.scene.characters or ())
    columns = [name for name in Entry.__struct_fields__ if name in c]
    return [
        Entry(**{name: row[name] for name in columns}, appearances=seen[row["id"]])
        for row in (await connection.execute(query)).mappings()
    ]
