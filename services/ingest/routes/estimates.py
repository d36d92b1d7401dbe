"""What an order would take, before it is placed."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from libs.money.amounts import amount_of
from services.ingest.estimating import Estimable, read_estimable, would_be
from services.ingest.money.estimates import BUFFER, Estimate
from services.ingest.money.quoting import Quote
from services.ingest.parts import Parts
from services.ingest.projects.bodies import View
from services.ingest.projects.orders import Wish
from services.ingest.routes.bodies import AnyRequest, body_of
from services.ingest.routes.documents import COMMON, NEEDS_GONE, document_body, exemplified, problem, reads
from services.ingest.routes.making import VideoBody, orders_of
from services.ingest.routes.projects import NO_PROJECT, ProjectId
from services.ingest.submissions import MOST_BYTES
from services.ingest.uploads.receive import receive_document

Meta = msgspec.Meta
TAG = "Budgets"


class KindEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What tasks of one kind will take, as expected."""

    gpu_seconds: float
    cost: float
    characters: Annotated[int, Meta(description="That a voice speaks.")]


class EstimateView(msgspec.Struct, frozen=True, kw_only=True):
    """What an order will take."""

    seconds: Annotated[float, Meta(description="Of the video, as far as is known.")]
    gpu_seconds: Annotated[float, Meta(description="Of all its parts, with the buffer.")]
    cost: Annotated[float, Meta(description="Of all its parts, with the buffer, in `currency`.")]
    currency: str
    buffer: Annotated[float, Meta(description="By which the whole is increased, as a part of it.")]
    cap: Annotated[float | None, Meta(description="What the job may cost; null: there is no cap.")]
    fits: Annotated[bool, Meta(description="False: the order would be refused with `budget_exceeded`.")]
    kinds: Annotated[dict[str, KindEstimate], Meta(description="By kind of task, without the buffer.")]


class ProjectKindEstimate(View, frozen=True, kw_only=True):
    """What tasks of one kind will take, as expected."""

    gpu_seconds: float
    cost: float
    characters: Annotated[int, Meta(description="That a voice speaks.")]


class ProjectEstimate(View, frozen=True, kw_only=True):
    """What the project's video will take; what is there already isn't made again."""

    gpu_seconds: Annotated[float, Meta(description="Of all its parts, with the buffer.")]
    cost: Annotated[float, Meta(description="Of all its parts, with the buffer, in `currency`.")]
    currency: str
    buffer: Annotated[float, Meta(description="By which the whole is increased, as a part of it.")]
    cap: Annotated[float | None, Meta(description="What the job may cost; null: there is no cap.")]
    fits: Annotated[bool, Meta(description="False: the order would be refused with `budget_exceeded`.")]
    kinds: Annotated[dict[str, ProjectKindEstimate], Meta(description="By kind of task, without the buffer.")]


def _amounts(estimate: Estimate) -> dict[str, float]:
    return {"gpu_seconds": round(estimate.gpu_seconds, 3), "cost": amount_of(estimate.cost)}


def _view(found: Quote, currency: str) -> dict[str, Any]:
    """What both views tell."""
    cap = None if found.cap is None else amount_of(found.cap)
    return {
        **_amounts(found.estimate.total),
        "currency": currency,
        "buffer": BUFFER,
        "cap": cap,
        "fits": found.fits,
    }


@post(
    "/jobs/estimate",
    status_code=200,
    scope="read",
    request_max_body_size=None,  # receive_document has a limit of its own
    operation_id="estimateJob",
    operation_class=reads(
        document_body(Estimable, {"duration": 184.5, "options": {"aspect": "9:16", "height": 720}})
    ),
    tags=[TAG],
    summary="Estimate a video",
    description="What POST /jobs would take with the same JSON: GPU seconds and money, by the length of the song or"
    " the script and by what such work has taken here before. Nothing is fetched, stored or begun.",
    responses={
        **COMMON,
        404: problem("There is no such upload, or no more."),
        409: problem("The upload is not complete."),
        413: problem("The body is too large."),
        422: problem("An option or the script is not valid."),
    },
)
async def estimate_job(request: AnyRequest, parts: NamedDependency[Parts]) -> EstimateView:
    """Estimate a video."""
    async with body_of(request) as body:
        asked = read_estimable(await receive_document(body, limit=MOST_BYTES))
    order = await would_be(parts, asked)
    found = await parts.ledger.quote(order)
    kinds = {
        kind: KindEstimate(**_amounts(one), characters=one.characters) for kind, one in found.estimate.kinds.items()
    }
    return EstimateView(
        seconds=round(order.duration, 3), kinds=kinds, **_view(found, parts.ledger.treasury.currency)
    )


@post(
    "/projects/{project_id:str}/estimate",
    status_code=200,
    scope="read",
    operation_id="estimateProject",
    operation_class=exemplified({"includeSubtitles": True}),
    tags=[TAG],
    summary="Estimate the project's video",
    description="What POST /projects/{project_id}/video would take with the same body: only what isn't there"
    " yet, or is stale, counts.",
    responses={
        **COMMON,
        404: NO_PROJECT,
        409: problem("The project has no song."),
        410: NEEDS_GONE,
        422: problem("An option is not valid."),
    },
)
async def estimate_project(
    project_id: ProjectId, data: JSONBody[VideoBody], parts: NamedDependency[Parts]
) -> ProjectEstimate:
    """Estimate the project's video."""
    wish = Wish(captions=data.include_subtitles, preview=data.preview, fill=data.fill)
    found = await parts.ledger.quote(await orders_of(parts, project_id).composing("full", wish))
    kinds = {
        kind: ProjectKindEstimate(**_amounts(one), characters=one.characters)
        for kind, one in found.estimate.kinds.items()
    }
    return ProjectEstimate(kinds=kinds, **_view(found, parts.ledger.treasury.currency))


HANDLERS = (estimate_job, estimate_project)
