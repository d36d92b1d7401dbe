"""Scenes of a storyboard: listed, read, edited, split, merged, put into another order."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from libs.contracts.errors import Permanent
from libs.contracts.storyboard import Storyboard
from libs.storyboard.cuts import merge, reorder, split
from libs.storyboard.rules import place_of
from libs.storyboard.scene_edit import SceneEdit, edit_scene
from libs.storyboard.snap import grid_of
from services.ingest.parts import Parts
from services.ingest.projects.opened import Opened
from services.ingest.projects.scene_bodies import (
    EditView,
    OrderBody,
    SceneList,
    SceneView,
    SplitBody,
    scene_view,
)
from services.ingest.routes.documents import COMMON, exemplified
from services.ingest.routes.jobs import MAX_PAGE
from services.ingest.routes.projects import ProjectId
from services.ingest.routes.storyboard import EDITS, NO_BOARD, NO_SCENE, edited, editing
from services.ingest.routes.versions import IfMatch, etag, version_of

TAG = "Scenes"

SceneId = Annotated[str, PathParameter(description="The scene's id, as the storyboard has it: s001.")]


@get(
    "/projects/{project_id:str}/scenes",
    operation_id="listScenes",
    tags=[TAG],
    summary="List the scenes",
    description="In order. `next` leads to the ones after; the ETag is the project's version.",
    responses={**COMMON, 404: NO_SCENE, 409: NO_BOARD},
)
async def list_scenes(
    project_id: ProjectId,
    parts: NamedDependency[Parts],
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="Scenes on a page.")] = MAX_PAGE,
    cursor: Annotated[int, QueryParameter(ge=0, le=1_000_000, description="Position of the first one.")] = 0,
) -> Response[SceneList]:
    """List the scenes."""
    found = await editing(parts, project_id).scenes()
    count, version = len(found.at.board.scenes), found.at.project.version
    end = min(cursor + limit, count)
    page = SceneList(
        scenes=tuple(scene_view(found, position) for position in range(min(cursor, count), end)),
        version=version,
        next=f"/api/v1/projects/{project_id}/scenes?limit={limit}&cursor={end}" if end < count else None,
    )
    return Response(page, headers=etag(version))


@get(
    "/projects/{project_id:str}/scenes/{scene_id:str}",
    operation_id="getScene",
    tags=[TAG],
    summary="Read a scene",
    description="The ETag is the project's version.",
    responses={**COMMON, 404: NO_SCENE, 409: NO_BOARD},
)
async def get_scene(project_id: ProjectId, scene_id: SceneId, parts: NamedDependency[Parts]) -> Response[SceneView]:
    """Read a scene."""
    found = await editing(parts, project_id).scenes()
    view = scene_view(found, place_of(found.at.board, scene_id))
    return Response(view, headers=etag(found.at.project.version))


@patch(
    "/projects/{project_id:str}/scenes/{scene_id:str}",
    operation_id="updateScene",
    operation_class=exemplified({"prompt": "rain on neon", "camera": {"move": "push"}, "locked": False}),
    tags=[TAG],
    summary="Edit a scene",
    description="What is left out stays as it is. Nothing is made anew by itself: see `generate`.",
    responses=EDITS,
)
async def update_scene(
    project_id: ProjectId,
    scene_id: SceneId,
    data: JSONBody[SceneEdit],
    parts: NamedDependency[Parts],
    if_match: IfMatch = "",
) -> Response[SceneView]:
    """Edit a scene."""

    def edit(at: Opened) -> Storyboard:
        if not {character.id for character in at.characters}.issuperset(data.characters or ()):
            raise Permanent("character_not_found")
        return edit_scene(at.board, scene_id, data)

    editor = editing(parts, project_id)
    await editor.change(version_of(if_match), edit)
    found = await editor.scenes()
    view = scene_view(found, place_of(found.at.board, scene_id))
    return Response(view, headers=etag(found.at.project.version))


@post(
    "/projects/{project_id:str}/scenes/{scene_id:str}/split",
    status_code=200,
    operation_id="splitScene",
    operation_class=exemplified({"frame": 410}),
    tags=[TAG],
    summary="Split a scene",
    description="The first part keeps the id. Both show the same take, until one is edited.",
    responses=EDITS,
)
async def split_scene(
    project_id: ProjectId,
    scene_id: SceneId,
    data: JSONBody[SplitBody],
    parts: NamedDependency[Parts],
    if_match: IfMatch = "",
) -> Response[EditView]:
    """Split a scene."""

    def edit(at: Opened) -> Storyboard:
        return split(at.board, scene_id, data.frame, grid_of(at.analysis, at.fps) if data.snap else None)

    editor = editing(parts, project_id)
    await editor.recut(version_of(if_match), edit, split_of=scene_id)
    return await edited(editor)


@post(
    "/projects/{project_id:str}/scenes/{scene_id:str}/merge",
    status_code=200,
    operation_id="mergeScene",
    tags=[TAG],
    summary="Merge a scene with the next",
    description="It goes on over the next one, whose id is gone for good.",
    responses=EDITS,
)
async def merge_scene(
    project_id: ProjectId, scene_id: SceneId, parts: NamedDependency[Parts], if_match: IfMatch = ""
) -> Response[EditView]:
    """Merge a scene with the next."""
    editor = editing(parts, project_id)
    await editor.recut(version_of(if_match), lambda at: merge(at.board, scene_id))
    return await edited(editor)


@post(
    "/projects/{project_id:str}/scenes/reorder",
    status_code=200,
    operation_id="reorderScenes",
    operation_class=exemplified({"order": ["s001", "s003", "s002"]}),
    tags=[TAG],
    summary="Put scenes into another order",
    description="What they show changes places, with their ids and takes; the cuts stay on their beats.",
    responses=EDITS,
)
async def reorder_scenes(
    project_id: ProjectId, data: JSONBody[OrderBody], parts: NamedDependency[Parts], if_match: IfMatch = ""
) -> Response[EditView]:
    """Put scenes into another order."""
    editor = editing(parts, project_id)
    await editor.recut(version_of(if_match), lambda at: reorder(at.board, data.order))
    return await edited(editor)


HANDLERS = (list_scenes, get_scene, update_scene, split_scene, merge_scene, reorder_scenes)
