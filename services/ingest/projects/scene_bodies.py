"""What clients send and get of scenes and takes. Names on the wire are in camel case."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from libs.contracts.jobs import MAX_PROMPT_CHARS
from libs.contracts.storyboard import Camera, SceneLyrics, Storyboard, Transition
from libs.storyboard.grid import Correction
from libs.storyboard.takes import Origin, Reason
from services.ingest.projects.bodies import Body, UploadId, View
from services.ingest.projects.editing import Cuts, Scenes
from services.ingest.projects.opened import TakeRow
from services.ingest.projects.takes import SceneTakes

Frame = Annotated[int, Meta(ge=0, le=1_000_000, description="Of the video, from 0.")]
SceneIdText = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
Score = Annotated[float, Meta(ge=0, le=1)]
STALE = "Why it should be made anew (docs/editing.md); empty when it is current."


class CutMove(Body, frozen=True, kw_only=True):
    """Where a scene is to begin; the scene before ends there."""

    scene: Annotated[SceneIdText, Meta(description="The scene that begins with the cut.")]
    frame: Frame
    snap: Annotated[bool, Meta(description="To the nearest beat, a downbeat from twice as far.")] = True


class BoardEdit(Body, frozen=True, kw_only=True):
    """Cuts to move, one after the other; all of them or none."""

    moves: Annotated[list[CutMove], Meta(min_length=1, max_length=100)]


class GridEdit(Body, frozen=True, kw_only=True):
    """A correction of the beat grid."""

    correction: Correction
    cuts: Annotated[Cuts, Meta(description="Whether cuts that lay on beats go along with them.")] = "follow"


class SplitBody(Body, frozen=True, kw_only=True):
    """Where to cut a scene in two."""

    frame: Annotated[Frame | None, Meta(description="Null: its middle.")] = None
    snap: Annotated[bool, Meta(description="To the nearest beat.")] = True


class OrderBody(Body, frozen=True, kw_only=True):
    """How scenes shall follow."""

    order: Annotated[list[SceneIdText], Meta(min_length=1, max_length=900, description="All ids, once each.")]


class GenerateBody(Body, frozen=True, kw_only=True):
    """How many takes to make."""

    num_takes: Annotated[int, Meta(ge=1, le=8)] = 1


class RemixBody(Body, frozen=True, kw_only=True):
    """A take to make again, with another prompt."""

    version_id: Annotated[int, Meta(ge=1, le=2**62, description="The take's id.")]
    revised_prompt: Annotated[str, Meta(min_length=1, max_length=MAX_PROMPT_CHARS)]


class ReplaceBody(Body, frozen=True, kw_only=True):
    """The user's own picture or clip."""

    upload: Annotated[UploadId, Meta(description="An upload of the kind image or clip.")]


class ScoresBody(Body, frozen=True, kw_only=True):
    """What somebody thinks of a take; what is left out stays."""

    quality_score: Score | msgspec.UnsetType = msgspec.UNSET
    user_score: Score | msgspec.UnsetType = msgspec.UNSET
    character_consistency: Score | msgspec.UnsetType = msgspec.UNSET
    mouth_visibility: Score | msgspec.UnsetType = msgspec.UNSET


SCORES = ScoresBody.__struct_fields__


class TakeView(View, frozen=True, kw_only=True):
    """A take."""

    id: int
    scene: Annotated[str, Meta(description="The scene that it was made for.")]
    shown: Annotated[bool, Meta(description="Whether the scene shows it.")]
    stale: Annotated[tuple[Reason, ...], Meta(description=STALE)]
    origin: Annotated[
        Origin, Meta(description="Drawn to the music here, filmed by a model, or the user's own picture or clip.")
    ]
    backend: str
    workflow: str
    prompt: Annotated[str, Meta(description="The words as they were sent; empty when that is not known.")]
    seed: int
    frames: int
    job_id: str
    created_at: datetime
    quality_score: float | None
    user_score: float | None
    character_consistency: float | None
    mouth_visibility: float | None
    clip: Annotated[str, Meta(description="Path of its video file.")]


class TakeList(View, frozen=True, kw_only=True):
    """Takes of a scene, the newest first."""

    takes: tuple[TakeView, ...]
    version: Annotated[int, Meta(description="The project's.")]
    next: Annotated[str | None, Meta(description="Path of the next page; null on the last.")] = None


class SceneView(View, frozen=True, kw_only=True):
    """A scene, and the take that it shows."""

    id: str
    position: Annotated[int, Meta(description="From 0.")]
    start_frame: int
    end_frame: Annotated[int, Meta(description="The first frame of the next scene.")]
    section: str
    energy: float
    look: str
    camera: Camera
    prompt: str
    negative_prompt: str
    text: str
    lyrics: SceneLyrics
    seed: int
    transition: Transition
    characters: tuple[str, ...]
    performance: bool
    locked: bool
    takes: Annotated[int, Meta(description="How many it has.")]
    take: Annotated[int | None, Meta(description="The one that it shows; null: none yet.")]
    stale: Annotated[tuple[Reason, ...], Meta(description=STALE)]


class SceneList(View, frozen=True, kw_only=True):
    """Scenes in order."""

    scenes: tuple[SceneView, ...]
    version: Annotated[int, Meta(description="The project's: send it as If-Match with a write.")]
    next: Annotated[str | None, Meta(description="Path of the next page; null on the last.")] = None


class BoardView(View, frozen=True, kw_only=True):
    """The whole storyboard."""

    version: Annotated[int, Meta(description="The project's: send it as If-Match with a write.")]
    storyboard: Annotated[Storyboard, Meta(description="As docs/schemas/storyboard.v1.json has it.")]


class EditView(View, frozen=True, kw_only=True):
    """What an edit has come to."""

    version: Annotated[int, Meta(description="The project's new version.")]
    scenes: Annotated[tuple[str, ...], Meta(description="Ids of all scenes, in order.")]
    stale: Annotated[
        dict[str, tuple[Reason, ...]], Meta(description="The scenes whose takes are stale now, and why.")
    ]
    bpm: float
    beats: int


def scene_view(found: Scenes, position: int) -> SceneView:
    """One of a project's scenes."""
    board = found.at.board
    scene = board.scenes[position]
    row = found.shown.get(scene.id)
    there = {character.id for character in found.at.characters}
    same = {name: getattr(scene, name) for name in SceneView.__struct_fields__ if name in scene.__struct_fields__}
    return SceneView(
        **{
            **same,
            "characters": tuple(each for each in scene.characters or () if each in there),
            "performance": bool(scene.performance),
            "position": position,
            "locked": scene.id in (board.locked or ()),
            "takes": found.counts.get(scene.id, 0),
            "take": row.id if row is not None else None,
            "stale": found.stale[row.id] if row is not None else (),
        }
    )


def edit_view(found: Scenes) -> EditView:
    """What has come of an edit."""
    at = found.at
    stale = {
        scene.id: found.stale[found.shown[scene.id].id] for scene in at.board.scenes if scene.id in found.shown
    }
    return EditView(
        version=at.project.version,
        scenes=tuple(scene.id for scene in at.board.scenes),
        stale={scene_id: why for scene_id, why in stale.items() if why},
        bpm=at.analysis.tempo.bpm,
        beats=len(at.analysis.beats),
    )


def take_view(found: SceneTakes, row: TakeRow, scene_id: str) -> TakeView:
    """One of a scene's takes."""
    same = {
        name: getattr(row, name) for name in TakeView.__struct_fields__ if name in row._fields and name != "clip"
    }
    return TakeView(
        **same,
        scene=row.scene_id,
        shown=row.id == found.shown,
        stale=found.stale[row.id],
        origin=row.origin,
        prompt=row.shot.scene.prompt if row.shot is not None else "",
        clip=f"/api/v1/projects/{found.at.project.id}/scenes/{scene_id}/versions/{row.id}/clip",
    )
