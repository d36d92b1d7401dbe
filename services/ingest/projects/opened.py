"""A project's storyboard as it is read: documents out of the store, the scenes with the takes that they show."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.artifacts.store import ArtifactStore
from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import Blob
from libs.contracts.characters import Character
from libs.contracts.errors import InputMissing, Permanent
from libs.contracts.facts import StoryboardPlanned, TakeRendered, TrackAnalyzed, WorkFact
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Clip, Shot, Storyboard
from libs.media.frames import parse_fps
from libs.storyboard.people import directed, pictures_of
from libs.storyboard.shots import make_shots
from libs.storyboard.takes import Form, Origin, Reason, Score, Take, clip_of, reasons
from services.ingest import tables as t
from services.ingest.projects.records import Project

D = TypeVar("D")

KEPT = 12
"""Documents that are kept in memory: they never change, and an editor asks for the same ones again and again."""
_FILMED = "comfyui"


class TakeRow(NamedTuple):
    """A take as the ledger has it."""

    id: int
    scene_id: str
    job_id: str
    clip: Blob
    lead: int
    frames: int
    backend: str
    workflow: str
    seed: int
    own: bool
    shot: Shot | None
    analysis: Blob | None
    form: Form | None
    quality_score: float | None
    user_score: float | None
    character_consistency: float | None
    mouth_visibility: float | None
    created_at: Any

    @property
    def origin(self) -> Origin:
        """How it came about."""
        return "own" if self.own else "filmed" if self.backend == _FILMED else "drawn"

    @property
    def take(self) -> Take:
        """As takes are compared."""
        clip = Clip(scene_id=self.scene_id, lead=self.lead, frames=self.frames, blob=self.clip)
        return Take(origin=self.origin, clip=clip, shot=self.shot, form=self.form)


TAKE = sa.select(*(t.takes.c[name] for name in TakeRow._fields))


def track_of(blob: Blob, heard: Analysis) -> TrackAnalyzed:
    """An analysis as the fact that it was made."""
    return TrackAnalyzed(
        analysis=blob,
        duration=heard.duration,
        bpm=heard.tempo.bpm,
        sections=len(heard.sections),
        notices=heard.notices,
    )


def script_of(project: Project) -> Blob | None:
    """What the project tells, if it tells something."""
    return project.told.script if project.told is not None else None


def as_told(options: JobOptions, project: Project) -> JobOptions:
    """The options with the voice of the project, and the title that it was told with."""
    told = project.told
    if told is None:
        return options
    title = options.title or told.title
    return msgspec.structs.replace(
        options, voice=told.voice, speed=told.speed, title=title, music=told.music_prompt
    )


class Opened(NamedTuple):
    """A project with its documents."""

    project: Project
    board: Storyboard
    analysis: Analysis
    analysis_blob: Blob
    storyboard_blob: Blob
    characters: tuple[Character, ...]

    @property
    def fps(self) -> Fraction:
        """Frames a second."""
        return parse_fps(self.board.fps)

    @property
    def shots(self) -> tuple[Shot, ...]:
        """What would be asked for of each scene, in order, with the words as they are sent."""
        return directed_shots(self.board, self.characters)

    def form(self, shot: Shot) -> Form:
        """What a take of the shot would be like, besides what the shot says."""
        image = self.project.image
        theme = (image.sha256,) if image is not None else ()
        people = pictures_of(shot.scene, self.characters)
        board = self.board
        return Form(fps=board.fps, width=board.width, height=board.height, pictures=(*theme, *people))

    def shot(self, scene_id: str) -> Shot:
        """One scene's. Raises Permanent("scene_not_found")."""
        for shot in self.shots:
            if shot.scene.id == scene_id:
                return shot
        raise Permanent("scene_not_found")

    @property
    def made(self) -> dict[str, WorkFact]:
        """What a job over the project begins with: what was heard, and what is planned."""
        board, told = self.board, self.project.told
        heard = told.made if told is not None else {"analyze": track_of(self.analysis_blob, self.analysis)}
        planned = StoryboardPlanned(
            storyboard=self.storyboard_blob,
            fps=board.fps,
            frames=board.frames,
            width=board.width,
            height=board.height,
            shots=self.shots,
            stills=board.stills or (),
        )
        return {**heard, "plan": planned}


class Documents:
    """Documents of the store, decoded, and what is computed of them."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, object], Any] = OrderedDict()

    async def get(self, blob: Blob, kind: type[D]) -> D:
        """Raises InputMissing when it is gone."""
        found = self._recall((blob.sha256, kind))
        if found is None:
            data = await self._store.get_bytes(blob.key)
            if data is None:
                raise InputMissing(blob.sha256)
            found = await asyncio.to_thread(msgspec.json.decode, data, type=kind)
            self._keep((blob.sha256, kind), found)
        document: D = found
        return document

    async def score(self, blob: Blob, fps: Fraction) -> Score | None:
        """The music of an analysis; None when it is gone."""
        found: Score | None = self._recall((blob.sha256, fps))
        if found is None:
            try:
                analysis = await self.get(blob, Analysis)
            except InputMissing:
                return None
            found = await asyncio.to_thread(Score, analysis, fps)
            self._keep((blob.sha256, fps), found)
        return found

    async def put(self, document: object) -> Blob:
        """Write one."""
        blob = await self._store.put_bytes(msgspec.json.encode(document), "application/json")
        self._keep((blob.sha256, type(document)), document)
        return blob

    def _recall(self, key: tuple[str, object]) -> Any:
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def _keep(self, key: tuple[str, object], value: object) -> None:
        self._kept[key] = value
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def directed_shots(board: Storyboard, characters: Sequence[Character]) -> tuple[Shot, ...]:
    """A shot for each scene, in order, with the words as they are sent."""
    return tuple(directed(shot, characters) for shot in make_shots(board.scenes))


async def opened(documents: Documents, project: Project, characters: tuple[Character, ...]) -> Opened:
    """The project with its documents. Raises Permanent("no_storyboard"), InputMissing."""
    if project.storyboard is None or project.analysis is None:
        raise Permanent("no_storyboard")
    board = await documents.get(project.storyboard, Storyboard)
    analysis = await documents.get(project.analysis, Analysis)
    return Opened(project, board, analysis, project.analysis, project.storyboard, characters)


async def staleness(
    documents: Documents, at: Opened, rows: Sequence[TakeRow], scene_id: str = ""
) -> dict[int, tuple[Reason, ...]]:
    """Why each take is stale, by its id. scene_id: for this scene, rather than for the one that it was made for."""
    now = await documents.score(at.analysis_blob, at.fps)
    assert now is not None
    blobs = {row.analysis.sha256: row.analysis for row in rows if row.analysis is not None}
    scores = {sha256: await documents.score(blob, at.fps) for sha256, blob in blobs.items()}

    def compare() -> dict[int, tuple[Reason, ...]]:
        shots = {shot.scene.id: shot for shot in at.shots}
        found: dict[int, tuple[Reason, ...]] = {}
        for row in rows:
            shot = shots.get(scene_id or row.scene_id)
            then = scores[row.analysis.sha256] if row.analysis is not None else None
            found[row.id] = reasons(row.take, shot, at.form(shot), then, now) if shot is not None else ("span",)
        return found

    return await asyncio.to_thread(compare)


async def read_shown(connection: AsyncConnection, project_id: str) -> dict[str, TakeRow]:
    """The take that each scene shows, by scene."""
    query = TAKE.add_columns(t.scenes.c.scene_id.label("shown_by")).select_from(
        t.scenes.join(t.takes, t.takes.c.id == t.scenes.c.take_id)
    )
    rows = await connection.execute(query.where(t.scenes.c.project_id == project_id))
    return {row.shown_by: TakeRow(*row[:-1])._replace(scene_id=row.shown_by) for row in rows}


async def read_counts(connection: AsyncConnection, project_id: str) -> dict[str, int]:
    """How many takes each scene has."""
    c = t.takes.c
    query = sa.select(c.scene_id, sa.func.count().label("takes")).where(c.project_id == project_id)
    return {row.scene_id: row.takes for row in await connection.execute(query.group_by(c.scene_id))}


def takes_that_fit(
    at: Opened, shown: Mapping[str, TakeRow], stale: Mapping[int, Sequence[Reason]], *, fresh: bool
) -> dict[str, TakeRendered]:
    """What the scenes show, as results of their tasks: what needs not be made for a video.

    fresh: only takes that are not stale; else every take that covers its scene.
    """
    found: dict[str, TakeRendered] = {}
    for shot in at.shots:
        row = shown.get(shot.scene.id)
        clip = clip_of(row.take, shot, at.form(shot)) if row is not None else None
        if row is not None and clip is not None and not (fresh and stale.get(row.id)):
            found[f"animate.{shot.scene.id}"] = TakeRendered(
                clip=clip, backend=row.backend, seed=row.seed, workflow=row.workflow
            )
    return found
