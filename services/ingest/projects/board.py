"""What jobs write of a project: its analysis, its storyboard, and which take each scene shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from libs.contracts.facts import ScoreRendered, SourceFetched, StoryboardPlanned, TrackAnalyzed, VoiceRendered
from libs.contracts.jobs import State
from libs.contracts.storyboard import Shot
from libs.storyboard.people import pictures_of
from libs.storyboard.takes import Form
from services.ingest import tables as t
from services.ingest.brief import Basis, Brief, Told
from services.ingest.projects.events import ProjectChanged, ProjectEvent, ScenesChanged, TakeChosen
from services.ingest.state import RunState, scene_of

FIRST_VERSION = 1
"""Of a project that no person has changed yet."""
_NONE: Mapping[str, str] = MappingProxyType({})


async def sum_up_project(
    connection: AsyncConnection, project_id: str, before: RunState | None, after: RunState, now: datetime
) -> list[ProjectEvent]:
    """Write what was heard and the storyboard that a run has come to, when they are news; what is to be told of it.

    A storyboard that may have been edited is overwritten only by a job that was ordered to plan anew.
    """
    before = before or RunState(brief=after.brief, run=after.run, opened_at=after.opened_at)
    values: dict[str, Any] = {}
    fetched = after.result("fetch", SourceFetched)
    if fetched is not None and before.result("fetch", SourceFetched) is None:
        values = _files(after, fetched)
    heard, board = after.heard, after.result("plan", StoryboardPlanned)
    if heard is not None and (before.heard is None or heard.analysis != before.heard.analysis):
        values["analysis"] = heard.analysis
    told = _told(after)
    if told is not None and told.spoken is not None and told != _told(before):
        values |= {"told": told, "duration": told.spoken.duration}
    if board is not None and board != before.result("plan", StoryboardPlanned):
        values["storyboard"] = board.storyboard
    if not values:
        return []
    ordered = after.brief.kind == "storyboard"
    unedited = (t.projects.c.version == FIRST_VERSION) | t.projects.c.storyboard.is_(None)
    may = sa.true() if ordered else unedited
    values["version"] = t.projects.c.version + int(ordered)
    query = sa.update(t.projects).where(t.projects.c.id == project_id, may).values(**values)
    if not (await connection.execute(query)).rowcount:
        return []
    news: list[ProjectEvent] = [ProjectChanged(at=now)] if ordered or "song" in values else []
    if board is not None and "storyboard" in values:
        await write_scenes(connection, project_id, board.shots)
        news.append(ScenesChanged(at=now))
    return news


def _files(state: RunState, fetched: SourceFetched) -> dict[str, Any]:
    """What was fetched, as columns. Music under a voice gives the project neither its name nor its length."""
    found = {"song": fetched.song, "image": fetched.image}
    values: dict[str, Any] = {name: blob for name, blob in found.items() if blob is not None}
    if fetched.song is not None and state.brief.given.script is None:
        values |= {"song_name": fetched.song_name, "duration": fetched.duration}
    return values


def _told(state: RunState) -> Told | None:
    """What is narrated, as the run knows it; None for the video of a song."""
    script = state.brief.given.script
    if script is None:
        return None
    voice = state.result("voice", VoiceRendered)
    return msgspec.structs.replace(
        Told.of(script, state.brief.options),
        spoken=msgspec.structs.replace(voice, spoken=()) if voice is not None else None,
        score=state.result("score", ScoreRendered) if state.scored else None,
        music=state.result("analyze", TrackAnalyzed),
    )


async def read_basis(connection: AsyncConnection, project_id: str) -> Basis:
    """What an order over the project is based on; nobody removes it until the transaction ends.

    Raises Permanent("project_not_found").
    """
    c = t.projects.c
    query = sa.select(c.song, c.storyboard).where(c.id == project_id).with_for_update(read=True, key_share=True)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise Permanent("project_not_found")
    return Basis(song=row.song, storyboard=row.storyboard)


async def refuse_outdated(connection: AsyncConnection, project_id: str, brief: Brief) -> None:
    """Raises Permanent("job_outdated") when doing a job again would mix songs, or undo what people have edited
    since it was ordered; project_busy when the storyboard is being planned anew already."""
    basis = brief.given.basis
    if basis is None:
        return
    now = await read_basis(connection, project_id)
    if brief.given.made and now.song != basis.song:
        raise Permanent("job_outdated", "The project has another song by now.")
    if brief.kind == "storyboard":
        await refuse_planning(connection, project_id)
        planned = sa.select(t.runs.c.storyboard).where(t.runs.c.job_id == brief.job_id)
        own = (await connection.execute(planned)).scalars().all()
        if now.storyboard not in (None, basis.storyboard, *own):
            raise Permanent("job_outdated", "The storyboard has been edited since.")


async def refuse_planning(connection: AsyncConnection, project_id: str) -> None:
    """Raises Permanent("project_busy") while a job makes a storyboard that will take this one's place."""
    c = t.jobs.c
    running = c.state.not_in([state.value for state in State if state.ended])
    query = sa.select(c.id).where(c.project_id == project_id, c.kind == "storyboard", running)
    if (await connection.execute(query.limit(1))).first() is not None:
        raise Permanent("project_busy", "The storyboard is being planned anew.")


async def write_scenes(
    connection: AsyncConnection, project_id: str, shots: Sequence[Shot], *, parents: Mapping[str, str] = _NONE
) -> None:
    """The scenes of a storyboard instead of those that there are. A scene that stays keeps its take; a new one
    shows that of its parent, if it has one."""
    c = t.scenes.c
    query = sa.select(c.scene_id, c.take_id, c.chosen_at).where(c.project_id == project_id)
    kept = {row.scene_id: (row.take_id, row.chosen_at) for row in await connection.execute(query)}
    await connection.execute(sa.delete(t.scenes).where(c.project_id == project_id))
    rows = []
    for position, shot in enumerate(shots):
        take_id, chosen_at = kept.get(parents.get(shot.scene.id, shot.scene.id), (None, None))
        row = {
            "project_id": project_id,
            "scene_id": shot.scene.id,
            "position": position,
            "start_frame": shot.scene.start_frame,
            "end_frame": shot.scene.end_frame,
            "shot": shot,
            "take_id": take_id,
            "chosen_at": chosen_at,
        }
        rows.append(row)
    if rows:
        await connection.execute(sa.insert(t.scenes), rows)


def made_of(state: RunState, key: str) -> dict[str, Any]:
    """What determines the take of an animate task, as columns of its row."""
    heard, board = state.heard, state.result("plan", StoryboardPlanned)
    wanted = state.brief.given.takes.get(key)
    image = (wanted.image if wanted else None) or state.order.image
    form, shot = None, state.shot(key)
    if board is not None and shot is not None:
        theme = (image.sha256,) if image is not None else ()
        pictures = (*theme, *pictures_of(shot.scene, state.brief.given.characters))
        form = Form(
            fps=board.fps,
            width=board.width,
            height=board.height,
            pictures=pictures,
            preview=state.brief.options.preview,
        )
    own = wanted is not None and (wanted.image is not None or wanted.clip is not None)
    return {"shot": shot, "analysis": heard.analysis if heard else None, "form": form, "own": own}


async def offer_take(
    connection: AsyncConnection, project_id: str, state: RunState, key: str, *, attempt: int, now: datetime
) -> list[ProjectEvent]:
    """Let the scene show the new take: when it shows none; or when that was wished, or the whole video was ordered,
    and what is shown is older than that order. Returns what is to be told of it."""
    c, s = t.takes.c, t.scenes.c
    made = sa.select(c.id).where(
        c.job_id == state.brief.job_id, c.run == state.run, c.task == key, c.attempt == attempt
    )
    this = (s.project_id == project_id) & (s.scene_id == scene_of(key))
    shown = sa.select(s.take_id, s.chosen_at, c.created_at, c.job_id).select_from(
        t.scenes.outerjoin(t.takes, c.id == s.take_id)
    )
    take_id = (await connection.execute(made)).scalar_one_or_none()
    scene = (await connection.execute(shown.where(this))).one_or_none()
    if take_id is None or scene is None or take_id == scene.take_id:
        return []
    wanted = state.brief.given.takes.get(key)
    job_id = state.brief.job_id
    if scene.take_id is None:
        wished = True
    else:
        older = scene.job_id == job_id or scene.created_at < state.opened_at
        wished = wanted.show if wanted is not None else older
        wished = wished and scene.job_id <= job_id and not await _chosen_since(connection, job_id, scene.chosen_at)
    if wished:
        await connection.execute(sa.update(t.scenes).where(this).values(take_id=take_id))
        return [TakeChosen(scene_id=scene_of(key), take_id=take_id, at=now)]
    return []


async def _chosen_since(connection: AsyncConnection, job_id: str, chosen_at: datetime | None) -> bool:
    """Whether a person has chosen what a scene shows after ordering this job."""
    ordered = sa.select(t.jobs.c.created_at).where(t.jobs.c.id == job_id)
    return chosen_at is not None and chosen_at > (await connection.execute(ordered)).scalar_one()
