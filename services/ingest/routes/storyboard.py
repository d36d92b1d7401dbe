"""A project's storyboard: read, its cuts moved, its beat grid corrected, and all of it as one timeline."""

from __future__ import annotations

import asyncio

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from libs.contracts.storyboard import Storyboard
from libs.storyboard.cuts import move_cut
from libs.storyboard.snap import grid_of
from libs.storyboard.timeline import ChosenTake, Timeline, timeline
from services.ingest.parts import Parts
from services.ingest.projects.editing import Editing
from services.ingest.projects.opened import Opened
from services.ingest.projects.scene_bodies import BoardEdit, BoardView, EditView, GridEdit, edit_view
from services.ingest.routes.documents import COMMON, exemplified, problem
from services.ingest.routes.projects import CHANGED, ProjectId, project_id_of
from services.ingest.routes.versions import IfMatch, etag, version_of

TAG = "Storyboard"
NO_SCENE = problem("There is no such project or scene.")
NOT_NOW = problem(
    "There is no storyboard yet, it is being planned anew, the scene is locked, or the cuts follow a voice."
)
NO_BOARD = problem("There is no storyboard yet.")
BAD_EDIT = problem("The edit doesn't fit the storyboard.")
EDITS = {**COMMON, **CHANGED, 404: NO_SCENE, 409: NOT_NOW, 422: BAD_EDIT}


def editing(parts: Parts, project_id: str) -> Editing:
    """The editor of a project. Raises Permanent("project_not_found") for what can be no id."""
    return Editing(
        parts.desk.database, parts.documents, parts.owner, project_id_of(project_id), clock=parts.desk.clock
    )


async def edited(editor: Editing) -> Response[EditView]:
    """The answer to an edit that was made."""
    found = await editor.scenes()
    return Response(edit_view(found), status_code=200, headers=etag(found.at.project.version))


@get(
    "/projects/{project_id:str}/storyboard",
    operation_id="getStoryboard",
    tags=[TAG],
    summary="Read the storyboard",
    description="The ETag is the project's version. POST here plans it anew.",
    responses={**COMMON, 404: NO_SCENE, 409: NO_BOARD},
)
async def get_storyboard(project_id: ProjectId, parts: NamedDependency[Parts]) -> Response[BoardView]:
    """Read the storyboard."""
    at = await editing(parts, project_id).read()
    version = at.project.version
    return Response(BoardView(version=version, storyboard=at.board), headers=etag(version))


@patch(
    "/projects/{project_id:str}/storyboard",
    operation_id="adjustStoryboard",
    operation_class=exemplified({"moves": [{"scene": "s004", "frame": 410}]}),
    tags=[TAG],
    summary="Move cuts",
    description=(
        "A cut snaps to the beat grid and the scenes beside it follow. Only scenes whose clip covers them no more"
        " become stale. All moves are made, or none."
    ),
    responses=EDITS,
)
async def adjust_storyboard(
    project_id: ProjectId, data: JSONBody[BoardEdit], parts: NamedDependency[Parts], if_match: IfMatch = ""
) -> Response[EditView]:
    """Move cuts."""

    def move(at: Opened) -> Storyboard:
        board, grid = at.board, grid_of(at.analysis, at.fps)
        for wish in data.moves:
            board = move_cut(board, wish.scene, wish.frame, grid if wish.snap else None)
        return board

    editor = editing(parts, project_id)
    await editor.recut(version_of(if_match), move)
    return await edited(editor)


@post(
    "/projects/{project_id:str}/grid",
    status_code=200,
    operation_id="correctGrid",
    operation_class=exemplified({"correction": {"kind": "shift", "ms": -40}, "cuts": "follow"}),
    tags=[TAG],
    summary="Correct the beat grid",
    description=(
        "Doubled, halved, shifted, tapped or counted anew, in all of the song or a part: docs/editing.md. Only"
        " scenes that it touches become stale."
    ),
    responses=EDITS,
)
async def correct_grid(
    project_id: ProjectId, data: JSONBody[GridEdit], parts: NamedDependency[Parts], if_match: IfMatch = ""
) -> Response[EditView]:
    """Correct the beat grid."""
    editor = editing(parts, project_id)
    await editor.correct_grid(version_of(if_match), data.correction, data.cuts)
    return await edited(editor)


@get(
    "/projects/{project_id:str}/timeline",
    operation_id="getTimeline",
    tags=[TAG],
    summary="Read the timeline",
    description="Beats, sections, energy, waveform, words, scenes and the takes they show: below a megabyte.",
    responses={**COMMON, 404: NO_SCENE, 409: NO_BOARD},
)
async def get_timeline(project_id: ProjectId, parts: NamedDependency[Parts]) -> Response[Timeline]:
    """Read the timeline."""
    found = await editing(parts, project_id).scenes()
    chosen = {
        scene_id: ChosenTake(id=row.id, origin=row.origin, stale=found.stale[row.id])
        for scene_id, row in found.shown.items()
    }
    shown = await asyncio.to_thread(timeline, found.at.analysis, found.at.board, found.counts, chosen)
    return Response(shown, headers=etag(found.at.project.version))


HANDLERS = (get_storyboard, adjust_storyboard, correct_grid, get_timeline)
