"""Jobs over a whole project: its storyboard, its video, an export of what was chosen.

What is there is not made again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Literal, get_args

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.analysis import Analysis
from libs.contracts.errors import Permanent
from libs.contracts.facts import WorkFact
from libs.contracts.jobs import ASPECTS, Aspect, JobKind, JobOptions, check_means
from libs.contracts.projects import ASPECT_OF
from libs.contracts.storyboard import Storyboard
from services.ingest import tables as t
from services.ingest.access.callers import MACHINE, Caller
from services.ingest.brief import Given, Wanted
from services.ingest.ledger import Ledger
from services.ingest.projects.characters import read_characters
from services.ingest.projects.editing import Editing
from services.ingest.projects.opened import Opened, TakeRow, as_told, script_of, takes_that_fit, track_of
from services.ingest.projects.records import Project
from services.ingest.projects.store import read_project
from services.ingest.records import Accepted, NewJob


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How the order is to be done, besides what the project says."""

    captions: bool = True
    preview: bool = False
    fill: bool = True
    callback_url: str = ""
    caption: str = ""
    client_run: str = ""


class Orders:
    """Every method raises `Permanent`: project_not_found, no_song, bad_options. They take an idempotency key, and
    the digest of what it stands for: see `Ledger.accept`."""

    def __init__(self, editing: Editing, ledger: Ledger, by: Caller = MACHINE) -> None:
        self._editing = editing
        self._ledger = ledger
        self._by = by

    async def project(self) -> Project:
        """The project as it stands."""
        async with self._editing.database.read() as connection:
            return await read_project(connection, self._editing.owner, self._editing.project_id)

    async def check_form(
        self, known: Collection[str], formats: Collection[str], aspects: Collection[Aspect]
    ) -> None:
        """Raises Permanent("export_unsupported") for what can't be made today."""
        project = await self.project()
        if strange := [name for name in formats if name not in known]:
            raise Permanent("export_unsupported", f"{', '.join(map(repr, strange))} can't be written.")
        own = ASPECT_OF[project.settings.format]
        if project.storyboard is not None:
            own = as_planned(JobOptions(), (await self._editing.read()).board).aspect
        if other := [name for name in aspects if name != own]:
            told = f"The storyboard is {own}; scenes would have to be made anew for {', '.join(other)}."
            raise Permanent("export_unsupported", told)

    async def storyboard(self, version: int, wish: Wish, *, key: str = "", digest: str = "") -> Accepted:
        """Plan the project anew, from what was heard of its song; what people have edited is overwritten.

        Raises Permanent: version_conflict; project_busy while it is planned already; scene_locked.
        """
        known = await self._ledger.accepted_before(self._editing.owner, key, digest) if key else None
        if known is not None:
            return known
        project = await self.project()
        if project.version != version:
            raise Permanent("version_conflict")
        if project.storyboard is not None:
            board = (await self._editing.read()).board
            if board.locked:
                raise Permanent("scene_locked", f"Locked scenes would go: {', '.join(board.locked)}.")

        async def first(connection: AsyncConnection) -> None:
            await self._editing.plan_anew(connection, version)

        made = await self._heard(project)
        order = await self._order(project, "storyboard", made, wish)
        return await self._ledger.accept(order, by=self._by, key=key, body_digest=digest, first=first)

    async def video(self, wish: Wish, *, key: str = "", digest: str = "") -> Accepted:
        """Make the video: scenes without a take, and those whose take is stale, are made; others stay."""
        order = await self.composing("full", wish)
        return await self._ledger.accept(order, by=self._by, key=key, body_digest=digest)

    async def export(self, wish: Wish, *, key: str = "", digest: str = "") -> Accepted:
        """Cut what the scenes show, stale or not; only what isn't there is made.

        Raises Permanent("no_storyboard").
        """
        order = await self.composing("export", wish)
        return await self._ledger.accept(order, by=self._by, key=key, body_digest=digest)

    async def composing(self, kind: Literal["full", "export"], wish: Wish) -> NewJob:
        """What would be ordered for the video, or for an export. Raises Permanent("no_storyboard")."""
        project = await self.project()
        if project.storyboard is None:
            if kind == "export":
                raise Permanent("no_storyboard")
            return await self._order(project, kind, await self._heard(project), wish)
        scenes = await self._editing.scenes()
        fit = takes_that_fit(scenes.at, scenes.shown, scenes.stale, fresh=kind == "full")
        at = scenes.at
        made = {**at.made, **fit}
        missing = [scene for scene in scenes.shown if f"animate.{scene}" not in fit]
        async with self._editing.database.read() as connection:
            own = await own_again(connection, at, [scenes.shown[scene] for scene in missing])
        return await self._order(at.project, kind, made, wish, board=at.board, takes=own)

    async def _heard(self, project: Project) -> dict[str, WorkFact]:
        """What was heard of the song, corrected beats included, if anything was yet. A script is asked for anew:
        it is spoken as the project has it now, and what was said so before is found."""
        if project.told is not None:
            return {key: fact for key, fact in project.told.made.items() if key != "voice"}
        if project.analysis is None:
            return {}
        heard = await self._editing.documents.get(project.analysis, Analysis)
        return {"analyze": track_of(project.analysis, heard)}

    async def _order(
        self,
        project: Project,
        kind: JobKind,
        made: dict[str, WorkFact],
        wish: Wish,
        *,
        board: Storyboard | None = None,
        takes: dict[str, Wanted] | None = None,
    ) -> NewJob:
        if project.song is None and project.told is None:
            raise Permanent("no_song")
        options = options_of(project, wish)
        if board is not None:
            options = as_planned(options, board)
        else:
            words = project.lyrics is not None or project.told is not None
            check_means(options.style, picture=project.image is not None, title=bool(options.title), lyrics=words)
        async with self._editing.database.read() as connection:
            characters = await read_characters(connection, project.id)
        return NewJob(
            owner=project.owner,
            options=options,
            song=project.song,
            song_name=project.song_name,
            lyrics=project.lyrics,
            image=project.image,
            duration=project.duration,
            kind=kind,
            project_id=project.id,
            given=Given(made=made, takes=takes or {}, characters=characters, script=script_of(project)),
            caption=wish.caption,
            client_run=wish.client_run,
            characters=characters_of(project),
        )


def characters_of(project: Project) -> int:
    """How many are spoken of the project's script, at most; none of one that was spoken before."""
    told = project.told
    return told.script.size if told is not None and told.spoken is None else 0


def as_planned(options: JobOptions, board: Storyboard) -> JobOptions:
    """The options with the form that the storyboard has, whatever the project's settings are by now."""
    height = min(board.width, board.height)
    shape = Fraction(board.width, board.height)
    aspect = min(get_args(Aspect), key=lambda name: abs(ASPECTS[name] - shape))
    return msgspec.structs.replace(options, fps=board.fps, height=height, aspect=aspect, seed=board.seed)


async def own_again(connection: AsyncConnection, at: Opened, rows: Sequence[TakeRow]) -> dict[str, Wanted]:
    """The person's own pictures and clips, of takes that cover their scenes no more: they are fitted again."""
    shots = {shot.scene.id: shot for shot in at.shots}
    own = {row.id: row for row in rows if row.own and row.scene_id in shots}
    query = (
        sa.select(t.takes.c.id, t.takes.c.task, t.jobs.c.given)
        .join(t.jobs, t.jobs.c.id == t.takes.c.job_id)
        .where(t.takes.c.id.in_(own))
    )
    found: dict[str, Wanted] = {}
    for take_id, task, given in await connection.execute(query):
        before: Wanted | None = given.takes.get(task)
        if before is not None:
            shot = shots[own[take_id].scene_id]
            scene = msgspec.structs.replace(shot.scene, look=before.shot.scene.look)
            again = msgspec.structs.replace(before, shot=msgspec.structs.replace(shot, scene=scene), show=True)
            found[f"animate.{scene.id}"] = again
    return found


def options_of(project: Project, wish: Wish) -> JobOptions:
    """What a job over the project is asked for."""
    settings = project.settings
    options = JobOptions(
        prompt=settings.prompt,
        style=settings.style,
        aspect=ASPECT_OF[settings.format],
        height=settings.height,
        fps=settings.fps,
        lyrics_style=settings.lyrics_style,
        seed=settings.seed or 0,
        title=project.title,
        clip_seconds=settings.clip_seconds,
        performance_density=settings.performance_density,
        captions=wish.captions,
        preview=wish.preview,
        fill=wish.fill,
        callback_url=wish.callback_url,
    )
    return as_told(options, project)
