"""Takes of scenes: listed, ordered, chosen, scored. Takes stay as long as their project; an order for one scene
makes a job of its own, which touches no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions
from libs.contracts.looks import looks_by_name
from libs.contracts.storyboard import Scene, Shot
from libs.storyboard.rules import refuse_locked
from libs.storyboard.scene_edit import SceneEdit, edit_scene
from libs.storyboard.takes import MOST_TAKES, Reason, clip_of, varied
from services.ingest import tables as t
from services.ingest.access.callers import MACHINE, Caller
from services.ingest.brief import Given, Wanted
from services.ingest.ledger import Ledger
from services.ingest.projects.editing import Change, Editing
from services.ingest.projects.events import TakeChosen
from services.ingest.projects.opened import TAKE, Opened, TakeRow, as_told, script_of, staleness
from services.ingest.projects.store import bump
from services.ingest.records import Accepted, NewJob

PICTURE_LOOK = "film"
"""The look of the user's own picture in a scene whose look shows none: the picture as it is."""


class SceneTakes(NamedTuple):
    """Takes of one scene, the newest first."""

    at: Opened
    rows: Sequence[TakeRow]
    stale: Mapping[int, tuple[Reason, ...]]
    shown: int | None
    """The take that the scene shows."""


class Takes:
    """Of one scene. Every method raises `Permanent`: project_not_found, no_storyboard, scene_not_found; those about
    one take also take_not_found; those that write version_conflict, and scene_locked.

    Orders take an idempotency key, and the digest of what it stands for: see `Ledger.accept`.
    """

    def __init__(self, editing: Editing, ledger: Ledger, scene_id: str, by: Caller = MACHINE) -> None:
        self._editing = editing
        self._ledger = ledger
        self._by = by
        self._scene_id = scene_id
        self._database = editing.database
        self._this = (editing.project_id, scene_id)

    async def page(self, *, limit: int, before: int | None = None) -> SceneTakes:
        """The newest takes; `before` is the last id of the page before."""
        at = await self._editing.read()
        at.shot(self._scene_id)
        return await self._page(at, limit=limit, before=before)

    async def one(self, take_id: int) -> SceneTakes:
        """A single take, as a page of its own."""
        at = await self._editing.read()
        at.shot(self._scene_id)
        async with self._database.read() as connection:
            row = await _row(connection, *self._this, take_id)
            shown = await _shown(connection, *self._this)
        return SceneTakes(at, [row], await self._stale(at, [row]), shown)

    async def generate(self, version: int, count: int, *, key: str = "", digest: str = "") -> Accepted:
        """Order so many new takes, each with a seed of its own. The first is shown if what is shown is stale.

        Raises Permanent("too_many_takes").
        """
        at, shot = await self._at(version)
        known = await self._page(at, limit=MOST_TAKES)
        if len(known.rows) + count > MOST_TAKES:
            raise Permanent("too_many_takes")
        alike = [row.shot for row in known.rows if row.origin != "own" and not known.stale[row.id]]
        current = {made.scene.seed for made in alike if made is not None}
        free = (number for number in range(2 * MOST_TAKES) if varied(shot.scene.seed, number) not in current)
        seeds = [varied(shot.scene.seed, next(free)) for _ in range(count)]
        shown = [row for row in known.rows if row.id == known.shown]
        show = all(known.stale[row.id] for row in shown)
        wanted = {
            f"animate.{self._scene_id}.{number}": Wanted(shot=_with(shot, seed=seed), show=show and number == 1)
            for number, seed in enumerate(seeds, 1)
        }
        return await self._accept(Change(at, at), wanted, key, digest)

    async def remix(self, version: int, take_id: int, prompt: str, *, key: str = "", digest: str = "") -> Accepted:
        """Give the scene another prompt, and order a take like the one of this id: with its seed, to be shown."""
        await self._at(version)
        async with self._database.read() as connection:
            row = await _row(connection, *self._this, take_id)
        edit = SceneEdit(prompt=prompt)
        change = await self._editing.prepare(version, lambda at: edit_scene(at.board, self._scene_id, edit))
        shot = change.after.shot(self._scene_id)
        seed = row.shot.scene.seed if row.shot is not None else shot.scene.seed
        wanted = {f"animate.{self._scene_id}.1": Wanted(shot=_with(shot, seed=seed), show=True)}
        return await self._accept(change, wanted, key, digest)

    async def replace(
        self,
        version: int,
        *,
        image: Blob | None = None,
        clip: Blob | None = None,
        key: str = "",
        digest: str = "",
    ) -> Accepted:
        """Order a take of the user's own picture or clip, to be shown."""
        at, shot = await self._at(version)
        if image is not None:
            look = looks_by_name().get(shot.scene.look)
            shows = look is not None and "picture" in look.needs
            shot = _with(shot, look=shot.scene.look if shows else PICTURE_LOOK, still=msgspec.UNSET)
        wanted = {f"animate.{self._scene_id}.1": Wanted(shot=shot, image=image, clip=clip, show=True)}
        return await self._accept(Change(at, at), wanted, key, digest)

    async def select(self, version: int, take_id: int) -> int:
        """Let the scene show this take; the project's new version. Raises Permanent("bad_edit") for a take that
        doesn't cover the scene."""
        at, shot = await self._at(version)
        editing = self._editing

        async def work(connection: AsyncConnection) -> int:
            now = editing.clock()
            news = [TakeChosen(at=now, scene_id=self._scene_id, take_id=take_id)]
            new = await bump(connection, editing.owner, editing.project_id, version, {}, now=now, news=news)
            row = await _row(connection, *self._this, take_id)
            if clip_of(row.take, shot, at.form(shot)) is None:
                raise Permanent("bad_edit", "The take doesn't cover the scene.")
            c = t.scenes.c
            here = sa.update(t.scenes).where(c.project_id == editing.project_id, c.scene_id == self._scene_id)
            await connection.execute(here.values(take_id=take_id, chosen_at=now))
            return new

        return await self._database.transact(work)

    async def score(self, version: int, take_id: int, scores: Mapping[str, float]) -> None:
        """Write scores of a take, by column; the others stay. It makes no new version."""

        async def work(connection: AsyncConnection) -> None:
            await self._editing.hold(connection, version)
            await _row(connection, *self._this, take_id)
            if scores:
                await connection.execute(sa.update(t.takes).where(t.takes.c.id == take_id).values(**scores))

        await self._database.transact(work)

    # How.

    async def _at(self, version: int) -> tuple[Opened, Shot]:
        at = await self._editing.at_version(version)
        shot = at.shot(self._scene_id)
        refuse_locked(at.board, shot.scene)
        return at, shot

    async def _page(self, at: Opened, *, limit: int, before: int | None = None) -> SceneTakes:
        async with self._database.read() as connection:
            shown = await _shown(connection, *self._this)
            c = t.takes.c
            query = TAKE.where(_of(*self._this, shown)).order_by(c.id.desc()).limit(limit)
            if before is not None:
                query = query.where(c.id < before)
            rows = [TakeRow(*row) for row in await connection.execute(query)]
        return SceneTakes(at, rows, await self._stale(at, rows), shown)

    async def _stale(self, at: Opened, rows: Sequence[TakeRow]) -> Mapping[int, tuple[Reason, ...]]:
        return await staleness(self._editing.documents, at, rows, self._scene_id)

    async def _accept(self, change: Change, wanted: dict[str, Wanted], key: str, digest: str) -> Accepted:
        at = change.after
        project = at.project
        if project.song is None and project.told is None:
            raise Permanent("no_song")
        options = JobOptions(fps=at.board.fps, height=min(at.board.width, at.board.height), seed=at.board.seed)
        order = NewJob(
            owner=project.owner,
            options=as_told(options, project),
            song=project.song,
            song_name=project.song_name,
            lyrics=project.lyrics,
            image=project.image,
            duration=project.duration,
            kind="takes",
            project_id=project.id,
            given=Given(made=at.made, takes=wanted, characters=at.characters, script=script_of(project)),
        )
        return await self._ledger.accept(
            order,
            by=self._by,
            key=key,
            body_digest=digest,
            first=lambda connection: self._editing.write(connection, change),
        )


def _with(shot: Shot, **fields: object) -> Shot:
    """The shot of a scene that differs in these fields."""
    scene: Scene = msgspec.structs.replace(shot.scene, **fields)
    return msgspec.structs.replace(shot, scene=scene)


def _of(project_id: str, scene_id: str, shown: int | None) -> sa.ColumnElement[bool]:
    """Takes that were made for the scene, and the one that it shows: that may be of the scene it was split of."""
    c = t.takes.c
    return (c.project_id == project_id) & ((c.scene_id == scene_id) | (c.id == shown))


async def _shown(connection: AsyncConnection, project_id: str, scene_id: str) -> int | None:
    c = t.scenes.c
    query = sa.select(c.take_id).where(c.project_id == project_id, c.scene_id == scene_id)
    shown: int | None = (await connection.execute(query)).scalar_one_or_none()
    return shown


async def _row(connection: AsyncConnection, project_id: str, scene_id: str, take_id: int) -> TakeRow:
    """One take of a scene. Raises Permanent("take_not_found")."""
    shown = await _shown(connection, project_id, scene_id)
    query = TAKE.where(_of(project_id, scene_id, shown), t.takes.c.id == take_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise Permanent("take_not_found")
    return TakeRow(*row)
