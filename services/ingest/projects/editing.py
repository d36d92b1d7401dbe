"""A storyboard as people change it: one edit at a time, each on the version that it is based on.

The new document is stored first, then one transaction makes it the project's. A death between the two leaves a file
that nobody refers to, which the sweeper takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.characters import Character
from libs.contracts.errors import Permanent
from libs.contracts.jobs import State
from libs.contracts.storyboard import Storyboard
from libs.storyboard.cuts import follow_grid
from libs.storyboard.grid import Correction, correct
from libs.storyboard.snap import grid_of
from libs.storyboard.takes import Reason
from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.ledger import utc_now
from services.ingest.projects.board import write_scenes
from services.ingest.projects.characters import read_characters
from services.ingest.projects.opened import (
    Documents,
    Opened,
    TakeRow,
    directed_shots,
    opened,
    read_counts,
    read_shown,
    staleness,
)
from services.ingest.projects.records import Project
from services.ingest.projects.store import bump, read_project
from services.ingest.rows import refer

Cuts = Literal["follow", "stay"]


class Scenes(NamedTuple):
    """A project's scenes with what they show."""

    at: Opened
    shown: Mapping[str, TakeRow]
    counts: Mapping[str, int]
    stale: Mapping[int, tuple[Reason, ...]]
    """By take."""


class Editing:
    """Reads and changes the storyboard of one user's project.

    Every method raises `Permanent`: project_not_found, and no_storyboard before there is one; writes also
    version_conflict, project_busy while the storyboard is planned anew, and what the edit itself raises.
    """

    def __init__(
        self,
        database: Database,
        documents: Documents,
        owner: str,
        project_id: str,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.database = database
        self.documents = documents
        self.owner = owner
        self.project_id = project_id
        self.clock = clock

    async def read(self) -> Opened:
        """The project with its documents."""
        async with self.database.read() as connection:
            found = await self._read(connection)
        return await opened(self.documents, *found)

    async def scenes(self) -> Scenes:
        """The scenes, what they show, and why that is stale."""
        async with self.database.read() as connection:
            found = await self._read(connection)
            shown = await read_shown(connection, self.project_id)
            counts = await read_counts(connection, self.project_id)
        at = await opened(self.documents, *found)
        return Scenes(at, shown, counts, await staleness(self.documents, at, list(shown.values())))

    async def at_version(self, version: int) -> Opened:
        """The project, if it is still at this version. Raises Permanent("version_conflict")."""
        at = await self.read()
        if at.project.version != version:
            raise Permanent("version_conflict")
        return at

    async def change(self, version: int, edit: Callable[[Opened], Storyboard], *, split_of: str = "") -> Opened:
        """Make what `edit` returns the storyboard. One that changes nothing is no new version.

        split_of: the scene whose take a new scene shows, too.
        """
        at = await self.at_version(version)
        board = await asyncio.to_thread(edit, at)
        if board == at.board:
            return at
        return await self._write(at, board, {}, split_of)

    async def correct_grid(self, version: int, correction: Correction, cuts: Cuts) -> Opened:
        """Correct the beats. cuts: whether those that lay on beats follow them."""
        at = await self.at_version(version)

        def edit() -> tuple[Any, Storyboard]:
            analysis = correct(at.analysis, correction)
            if cuts == "stay":
                return analysis, at.board
            old, new = grid_of(at.analysis, at.fps), grid_of(analysis, at.fps)
            return analysis, follow_grid(at.board, old, new)

        analysis, board = await asyncio.to_thread(edit)
        if analysis == at.analysis:
            return at
        return await self._write(at, board, {"analysis": await self.documents.put(analysis)}, "")

    async def _write(self, at: Opened, board: Storyboard, values: dict[str, Any], split_of: str) -> Opened:
        values["storyboard"] = await self.documents.put(board)

        async def work(connection: AsyncConnection) -> tuple[Project, tuple[Character, ...]]:
            now = self.clock()
            await bump(connection, self.owner, self.project_id, at.project.version, {**values, "updated_at": now})
            if await planning(connection, self.project_id):
                raise Permanent("project_busy", "The storyboard is being planned anew.")
            await refer(self.database, connection, self.project_id, tuple(values.values()), now)
            new = [scene.id for scene in board.scenes if all(scene.id != known.id for known in at.board.scenes)]
            await write_scenes(
                connection,
                self.project_id,
                directed_shots(board, at.characters),
                parents=dict.fromkeys(new, split_of),
            )
            return await self._read(connection)

        return await opened(self.documents, *await self.database.transact(work))

    async def _read(self, connection: AsyncConnection) -> tuple[Project, tuple[Character, ...]]:
        project = await read_project(connection, self.owner, self.project_id)
        return project, await read_characters(connection, self.project_id)


async def planning(connection: AsyncConnection, project_id: str) -> bool:
    """Whether a job is making a new storyboard, which will take the place of this one."""
    c = t.jobs.c
    query = sa.select(c.id).where(c.project_id == project_id, c.kind == "storyboard", c.state.not_in(_ENDED))
    return (await connection.execute(query.limit(1))).first() is not None


_ENDED = [state.value for state in State if state.ended]
