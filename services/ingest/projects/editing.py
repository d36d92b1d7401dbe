"""A storyboard as people change it: one edit at a time, each on the version that it is based on.

The new document is stored first, then one transaction makes it the project's. A death between the two leaves a file
that nobody refers to, which the sweeper takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.analysis import Analysis
from libs.contracts.characters import Character
from libs.contracts.errors import Permanent
from libs.contracts.storyboard import Storyboard
from libs.storyboard.cuts import follow_grid
from libs.storyboard.grid import Correction, correct
from libs.storyboard.snap import grid_of
from libs.storyboard.takes import Reason
from services.ingest.database import Database
from services.ingest.keeping.references import refer
from services.ingest.ledger import utc_now
from services.ingest.projects.board import refuse_planning, write_scenes
from services.ingest.projects.characters import read_characters
from services.ingest.projects.events import ScenesChanged
from services.ingest.projects.opened import (
    Documents,
    Opened,
    TakeRow,
    opened,
    read_counts,
    read_shown,
    staleness,
)
from services.ingest.projects.records import Project
from services.ingest.projects.store import bump, read_project

Cuts = Literal["follow", "stay"]


def refuse_narrated(project: Project) -> None:
    """Raises Permanent("narrated") for a project that follows its voice."""
    if project.told is not None:
        raise Permanent("narrated")


class Scenes(NamedTuple):
    """A project's scenes with what they show."""

    at: Opened
    shown: Mapping[str, TakeRow]
    counts: Mapping[str, int]
    stale: Mapping[int, tuple[Reason, ...]]
    """By take."""


class Change(NamedTuple):
    """A project before an edit and after it, to be written at once. The same twice: nothing has changed."""

    before: Opened
    after: Opened


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
        change = await self.prepare(version, edit)
        return await self._make(change, split_of)

    async def recut(self, version: int, edit: Callable[[Opened], Storyboard], *, split_of: str = "") -> Opened:
        """The same for an edit of where scenes lie. Raises Permanent("narrated")."""

        def checked(at: Opened) -> Storyboard:
            refuse_narrated(at.project)
            return edit(at)

        return await self.change(version, checked, split_of=split_of)

    async def correct_grid(self, version: int, correction: Correction, cuts: Cuts) -> Opened:
        """Correct the beats. cuts: whether those that lay on beats follow them. Raises Permanent("narrated")."""
        at = await self.at_version(version)
        refuse_narrated(at.project)

        def edit() -> tuple[Analysis, Storyboard]:
            analysis = correct(at.analysis, correction)
            if cuts == "stay":
                return analysis, at.board
            old, new = grid_of(at.analysis, at.fps), grid_of(analysis, at.fps)
            return analysis, follow_grid(at.board, old, new)

        analysis, board = await asyncio.to_thread(edit)
        return await self._make(await self._changed(at, board, analysis))

    async def prepare(self, version: int, edit: Callable[[Opened], Storyboard]) -> Change:
        """The edit with its document in the store, to be written. Raises as `change`."""
        at = await self.at_version(version)
        return await self._changed(at, await asyncio.to_thread(edit, at), at.analysis)

    async def write(self, connection: AsyncConnection, change: Change, split_of: str = "") -> None:
        """Make a prepared edit the project's, within a transaction.

        Raises Permanent: version_conflict, project_busy.
        """
        project_id, before, after = self.project_id, change.before, change.after
        if after is before:
            await self.hold(connection, before.project.version)
            return
        now = self.clock()
        blobs = {"storyboard": after.storyboard_blob, "analysis": after.analysis_blob}
        news = [ScenesChanged(at=now)]
        await bump(connection, self.owner, project_id, before.project.version, blobs, now=now, news=news)
        await refuse_planning(connection, project_id)
        await refer(self.database, connection, project_id, tuple(blobs.values()), now)
        known = {scene.id for scene in before.board.scenes}
        new = [scene.id for scene in after.board.scenes if scene.id not in known]
        await write_scenes(connection, project_id, after.shots, parents=dict.fromkeys(new, split_of))

    async def hold(self, connection: AsyncConnection, version: int) -> None:
        """Nobody changes the project until the transaction ends. Raises Permanent as `write`."""
        locks = self.database.locks_rows
        project = await read_project(connection, self.owner, self.project_id, lock=locks)
        if project.version != version:
            raise Permanent("version_conflict")
        await refuse_planning(connection, self.project_id)

    async def plan_anew(self, connection: AsyncConnection, version: int) -> None:
        """Make a version for a storyboard that is about to be planned, within the transaction that orders it: who
        edits the old one is told. Raises Permanent: version_conflict, project_busy."""
        await bump(connection, self.owner, self.project_id, version, {}, now=self.clock())
        await refuse_planning(connection, self.project_id)

    async def _changed(self, at: Opened, board: Storyboard, analysis: Analysis) -> Change:
        if board == at.board and analysis == at.analysis:
            return Change(at, at)
        stored = await self.documents.put(board)
        heard = at.analysis_blob if analysis == at.analysis else await self.documents.put(analysis)
        project = msgspec.structs.replace(
            at.project, version=at.project.version + 1, storyboard=stored, analysis=heard
        )
        return Change(at, Opened(project, board, analysis, heard, stored, at.characters))

    async def _make(self, change: Change, split_of: str = "") -> Opened:
        if change.after is not change.before:
            await self.database.transact(lambda connection: self.write(connection, change, split_of))
        return change.after

    async def _read(self, connection: AsyncConnection) -> tuple[Project, tuple[Character, ...]]:
        project = await read_project(connection, self.owner, self.project_id)
        return project, await read_characters(connection, self.project_id)
