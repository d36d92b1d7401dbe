"""Takes of a scene: listed, ordered, remixed, replaced, chosen, scored, watched."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, post, route
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from libs.contracts.errors import Permanent
from services.ingest import views
from services.ingest.orders import check_key
from services.ingest.parts import Parts
from services.ingest.projects.scene_bodies import (
    SCORES,
    GenerateBody,
    RemixBody,
    ReplaceBody,
    ScoresBody,
    TakeList,
    TakeView,
    take_view,
)
from services.ingest.projects.takes import Takes
from services.ingest.records import Accepted
from services.ingest.routes.bodies import AnyRequest
from services.ingest.routes.documents import (
    COMMON,
    GONE,
    KNOWN_JOB,
    ORDERS,
    binary,
    exemplified,
    operation_name,
    problem,
)
from services.ingest.routes.files import send
from services.ingest.routes.jobs import MAX_PAGE
from services.ingest.routes.making import IdempotencyKey, answer, digest_of
from services.ingest.routes.projects import CHANGED, ProjectId
from services.ingest.routes.scenes import SceneId
from services.ingest.routes.storyboard import NO_BOARD, editing
from services.ingest.routes.versions import IfMatch, etag, version_of
from services.ingest.uploads.desk import find

TAG = "Takes"
NO_TAKE = problem("There is no such project, scene, take or upload.")
NOT_NOW = problem("There is no storyboard or song yet, or the scene is locked or has too many takes.")
TAKE_ORDERS = {
    **ORDERS,
    **CHANGED,
    200: KNOWN_JOB,
    404: NO_TAKE,
    409: NOT_NOW,
    422: problem("The Idempotency-Key was used with another body, or a text is not valid."),
}

TakeId = Annotated[int, PathParameter(ge=1, le=2**62, description="The take's id.")]


def takes_of(parts: Parts, project_id: str, scene_id: str) -> Takes:
    """Those of a scene."""
    return Takes(editing(parts, project_id), parts.ledger, scene_id, parts.caller)


@get(
    "/projects/{project_id:str}/scenes/{scene_id:str}/takes",
    operation_id="listTakes",
    tags=[TAG],
    summary="List a scene's takes",
    description="The newest first. Takes stay as long as their project.",
    responses={**COMMON, 404: NO_TAKE, 409: NO_BOARD},
)
async def list_takes(
    project_id: ProjectId,
    scene_id: SceneId,
    parts: NamedDependency[Parts],
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="Takes on a page.")] = 50,
    before: Annotated[
        int | None, QueryParameter(ge=1, le=2**62, description="The last take id of the page before.")
    ] = None,
) -> Response[TakeList]:
    """List a scene's takes."""
    found = await takes_of(parts, project_id, scene_id).page(limit=limit, before=before)
    version = found.at.project.version
    address = f"/api/v1/projects/{project_id}/scenes/{scene_id}/takes"
    page = TakeList(
        takes=tuple(take_view(found, row, scene_id) for row in found.rows),
        version=version,
        next=f"{address}?limit={limit}&before={found.rows[-1].id}" if len(found.rows) == limit else None,
    )
    return Response(page, headers=etag(version))


@post(
    "/projects/{project_id:str}/scenes/{scene_id:str}/generate",
    status_code=202,
    limit="renders",
    operation_id="generateTakes",
    operation_class=exemplified({"numTakes": 3}),
    tags=[TAG],
    summary="Make takes of a scene",
    description=(
        "A job that makes them and touches no other scene. The first one is shown when it is there, if what the"
        " scene shows is stale; otherwise they wait to be chosen."
    ),
    responses=TAKE_ORDERS,
)
async def generate_takes(
    *,
    project_id: ProjectId,
    scene_id: SceneId,
    data: JSONBody[GenerateBody],
    parts: NamedDependency[Parts],
    if_match: IfMatch = "",
    idempotency_key: IdempotencyKey = "",
) -> Response[views.JobAccepted]:
    """Make takes of a scene."""
    takes = takes_of(parts, project_id, scene_id)
    key, version = check_key(idempotency_key), version_of(if_match)
    digest = digest_of(project_id, f"{scene_id}/generate", data)
    order = await known(parts, key, digest)
    order = order or await takes.generate(version, data.num_takes, key=key, digest=digest)
    return await answer(parts, order)


@post(
    "/projects/{project_id:str}/scenes/{scene_id:str}/remix",
    status_code=202,
    limit="renders",
    operation_id="remixTake",
    operation_class=exemplified({"versionId": 12, "revisedPrompt": "rain on neon, seen from above"}),
    tags=[TAG],
    summary="Make a take again with another prompt",
    description="The scene gets the prompt, and shows the new take when it is there. Its seed is that of the old.",
    responses=TAKE_ORDERS,
)
async def remix_take(
    *,
    project_id: ProjectId,
    scene_id: SceneId,
    data: JSONBody[RemixBody],
    parts: NamedDependency[Parts],
    if_match: IfMatch = "",
    idempotency_key: IdempotencyKey = "",
) -> Response[views.JobAccepted]:
    """Make a take again with another prompt."""
    takes = takes_of(parts, project_id, scene_id)
    key, version = check_key(idempotency_key), version_of(if_match)
    digest = digest_of(project_id, f"{scene_id}/remix", data)
    order = await known(parts, key, digest)
    if order is None:
        order = await takes.remix(version, data.version_id, data.revised_prompt, key=key, digest=digest)
    return await answer(parts, order)


@post(
    "/projects/{project_id:str}/scenes/{scene_id:str}/replace",
    status_code=202,
    limit="renders",
    operation_id="replaceTake",
    operation_class=exemplified({"upload": "01a1ffffaa2396aefcc4f7d87e409107"}),
    tags=[TAG],
    summary="Show the user's own picture or clip",
    description="It becomes a take, which is shown when it is there, and which no word or beat makes stale.",
    responses=TAKE_ORDERS,
)
async def replace_take(
    *,
    project_id: ProjectId,
    scene_id: SceneId,
    data: JSONBody[ReplaceBody],
    parts: NamedDependency[Parts],
    if_match: IfMatch = "",
    idempotency_key: IdempotencyKey = "",
) -> Response[views.JobAccepted]:
    """Show the user's own picture or clip."""
    takes = takes_of(parts, project_id, scene_id)
    key, version = check_key(idempotency_key), version_of(if_match)
    digest = digest_of(project_id, f"{scene_id}/replace", data)
    order = await known(parts, key, digest)
    if order is None:
        upload = await find(parts.desk, parts.owner, data.upload)
        if upload.kind not in {"image", "clip"}:
            told = f"The upload is of the kind `{upload.kind}`, not `image` or `clip`."
            raise Permanent("bad_request", told, hint="Upload the file as the part `image` or `clip`.")
        image = upload.blob if upload.kind == "image" else None
        clip = upload.blob if upload.kind == "clip" else None
        order = await takes.replace(version, image=image, clip=clip, key=key, digest=digest)
    return await answer(parts, order)


@get(
    "/projects/{project_id:str}/scenes/{scene_id:str}/versions/{take_id:int}",
    operation_id="getTake",
    tags=[TAG],
    summary="Look at a take",
    description="With what it was made of, and why it is stale.",
    responses={**COMMON, 404: NO_TAKE, 409: NO_BOARD},
)
async def get_take(
    project_id: ProjectId, scene_id: SceneId, take_id: TakeId, parts: NamedDependency[Parts]
) -> Response[TakeView]:
    """Look at a take."""
    return await _told(takes_of(parts, project_id, scene_id), scene_id, take_id)


@post(
    "/projects/{project_id:str}/scenes/{scene_id:str}/versions/{take_id:int}/select",
    status_code=200,
    operation_id="selectTake",
    tags=[TAG],
    summary="Choose a take",
    description="The scene shows it. It has to cover the scene.",
    responses={
        **COMMON,
        **CHANGED,
        404: NO_TAKE,
        409: NOT_NOW,
        422: problem("The take doesn't cover the scene."),
    },
)
async def select_take(
    project_id: ProjectId,
    scene_id: SceneId,
    take_id: TakeId,
    parts: NamedDependency[Parts],
    if_match: IfMatch = "",
) -> Response[TakeView]:
    """Choose a take."""
    takes = takes_of(parts, project_id, scene_id)
    await takes.select(version_of(if_match), take_id)
    return await _told(takes, scene_id, take_id)


@post(
    "/projects/{project_id:str}/scenes/{scene_id:str}/versions/{take_id:int}/score",
    status_code=200,
    operation_id="scoreTake",
    operation_class=exemplified({"qualityScore": 0.8, "userScore": 1.0}),
    tags=[TAG],
    summary="Score a take",
    description="Each 0 to 1; what is left out stays. It makes no new version of the project.",
    responses={**COMMON, **CHANGED, 404: NO_TAKE, 409: NO_BOARD},
)
async def score_take(
    *,
    project_id: ProjectId,
    scene_id: SceneId,
    take_id: TakeId,
    data: JSONBody[ScoresBody],
    parts: NamedDependency[Parts],
    if_match: IfMatch = "",
) -> Response[TakeView]:
    """Score a take."""
    takes = takes_of(parts, project_id, scene_id)
    said = {name: getattr(data, name) for name in SCORES if getattr(data, name) is not msgspec.UNSET}
    await takes.score(version_of(if_match), take_id, said)
    return await _told(takes, scene_id, take_id)


@route(
    "/projects/{project_id:str}/scenes/{scene_id:str}/versions/{take_id:int}/clip",
    http_method=["GET", "HEAD"],
    operation_id=operation_name("TakeClip"),
    tags=[TAG],
    summary="Watch a take",
    description="Its clip, with Range and ETag.",
    responses={
        **COMMON,
        200: binary("The clip.", "video/mp4"),
        206: binary("The part of it that was asked for.", "video/mp4"),
        304: ResponseSpec(None, description="It has not changed."),
        404: NO_TAKE,
        409: NO_BOARD,
        410: GONE,
        416: ResponseSpec(None, description="The range lies behind the end."),
    },
)
async def get_take_clip(
    request: AnyRequest,
    project_id: ProjectId,
    scene_id: SceneId,
    take_id: TakeId,
    parts: NamedDependency[Parts],
) -> Response[bytes]:
    """Watch a take."""
    found = await takes_of(parts, project_id, scene_id).one(take_id)
    (row,) = found.rows
    return await send(request, parts.store, row.clip, f"{scene_id}-{take_id}.mp4")


async def known(parts: Parts, key: str, digest: str) -> Accepted | None:
    """The job that this key opened before. Raises Permanent("idempotency_conflict")."""
    return await parts.ledger.accepted_before(parts.owner, key, digest) if key else None


async def _told(takes: Takes, scene_id: str, take_id: int) -> Response[TakeView]:
    found = await takes.one(take_id)
    (row,) = found.rows
    return Response(take_view(found, row, scene_id), status_code=200, headers=etag(found.at.project.version))


HANDLERS = (
    list_takes,
    generate_takes,
    remix_take,
    replace_take,
    get_take,
    select_take,
    score_take,
    get_take_clip,
)
