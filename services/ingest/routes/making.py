"""Jobs over a project: its storyboard planned anew, its video made."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody
from msgspec import Meta

from libs.outbound.urls import check_url
from services.ingest import views
from services.ingest.orders import check_key
from services.ingest.parts import Parts
from services.ingest.projects.bodies import Body
from services.ingest.projects.editing import Editing
from services.ingest.projects.orders import Orders, Wish
from services.ingest.records import Accepted
from services.ingest.routes.documents import KNOWN_JOB, ORDERS, exemplified, problem
from services.ingest.routes.projects import CHANGED, NO_PROJECT, ProjectId, project_id_of
from services.ingest.routes.versions import IfMatch, version_of
from services.ingest.texts import check_text

TAG = "Projects"

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        description="1 to 200 visible ASCII characters; the same key within 24 hours finds the same job.",
    ),
]
CallbackUrl = Annotated[str, Meta(max_length=2000, description="Called at the end, besides the endpoints.")]


class VideoBody(Body, frozen=True, kw_only=True):
    """How the video is to be made."""

    include_subtitles: Annotated[bool, Meta(description="Show the given lyrics.")] = True
    preview: Annotated[bool, Meta(description="A small animatic of the same plan, quickly.")] = False
    fill: Annotated[bool, Meta(description="Draw the scenes that no GPU server could make.")] = True
    caption: Annotated[str, Meta(max_length=4000, description="The text of the post; only told again.")] = ""
    callback_url: Annotated[str, Meta(max_length=2000, description="Called at the end, besides the endpoints.")] = (
        ""
    )


class StoryboardBody(Body, frozen=True, kw_only=True):
    """How it is to be planned: as the project says."""

    callback_url: CallbackUrl = ""


def orders_of(parts: Parts, project_id: str) -> Orders:
    """Orders over a project."""
    editing = Editing(parts.desk.database, parts.documents, parts.owner, project_id_of(project_id))
    return Orders(editing, parts.ledger, parts.caller)


def digest_of(project_id: str, what: str, body: object) -> str:
    """What an idempotency key stands for."""
    return hashlib.sha256(msgspec.json.encode([project_id, what, body])).hexdigest()


async def accepted_view(parts: Parts, accepted: Accepted) -> views.JobAccepted:
    """The job as its order is answered."""
    snapshot = await parts.ledger.snapshot(accepted.job_id)
    links = views.links(snapshot.job_id, snapshot.state, snapshot.kind)
    return views.JobAccepted(job_id=snapshot.job_id, status=snapshot.state, links=links)


async def answer(parts: Parts, accepted: Accepted) -> Response[views.JobAccepted]:
    """A job that was ordered, or found by its key."""
    found = await accepted_view(parts, accepted)
    return Response(found, status_code=202 if accepted.created else 200, headers={"Location": found.links.self_})


def checked_url(parts: Parts, url: str) -> str:
    """A callback URL that may be called. Raises Permanent("bad_callback_url")."""
    if url:
        check_url(url, parts.callback_allow)
    return url


@post(
    "/projects/{project_id:str}/storyboard",
    status_code=202,
    limit="renders",
    operation_id="generateStoryboard",
    operation_class=exemplified({}),
    tags=["Storyboard"],
    summary="Plan the storyboard anew",
    description=(
        "A job that hears the song, if that wasn't done, and plans. What was edited is overwritten; takes stay, and"
        " those of scenes that keep their id are shown until there are new ones."
    ),
    responses={
        **ORDERS,
        **CHANGED,
        200: KNOWN_JOB,
        404: NO_PROJECT,
        409: problem("The project has no song."),
        422: problem("An option is not valid, or the Idempotency-Key was used with another body."),
    },
)
async def generate_storyboard(
    project_id: ProjectId,
    data: JSONBody[StoryboardBody],
    parts: NamedDependency[Parts],
    if_match: IfMatch = "",
    idempotency_key: IdempotencyKey = "",
) -> Response[views.JobAccepted]:
    """Plan the storyboard anew."""
    version = version_of(if_match)
    wish = Wish(callback_url=checked_url(parts, data.callback_url))
    key, digest = check_key(idempotency_key), digest_of(project_id, "storyboard", data)
    accepted = await orders_of(parts, project_id).storyboard(version, wish, key=key, digest=digest)
    return await answer(parts, accepted)


@post(
    "/projects/{project_id:str}/video",
    status_code=202,
    limit="orders",
    operation_id="makeVideo",
    operation_class=exemplified({"includeSubtitles": True, "caption": "Out now"}),
    tags=[TAG],
    summary="Make the project's video",
    description="Hears and plans what isn't yet; makes scenes without a take or with a stale one; others stay.",
    responses={
        **ORDERS,
        200: KNOWN_JOB,
        404: NO_PROJECT,
        409: problem("The project has no song."),
        422: problem("An option is not valid, or the Idempotency-Key was used with another body."),
    },
)
async def make_video(
    project_id: ProjectId,
    data: JSONBody[VideoBody],
    parts: NamedDependency[Parts],
    idempotency_key: IdempotencyKey = "",
) -> Response[views.JobAccepted]:
    """Make the project's video."""
    check_text("caption", data.caption)
    wish = Wish(
        captions=data.include_subtitles,
        preview=data.preview,
        fill=data.fill,
        caption=data.caption,
        callback_url=checked_url(parts, data.callback_url),
    )
    key, digest = check_key(idempotency_key), digest_of(project_id, "video", data)
    accepted = await orders_of(parts, project_id).video(wish, key=key, digest=digest)
    return await answer(parts, accepted)


HANDLERS = (generate_storyboard, make_video)
