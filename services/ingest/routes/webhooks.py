"""Webhook endpoints and deliveries."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET

from libs.contracts.errors import Permanent
from libs.outbound.urls import check_url
from services.ingest.parts import Parts
from services.ingest.routes.documents import COMMON, exemplified, problem
from services.ingest.webhooks import views
from services.ingest.webhooks.endpoints import NewEndpoint
from services.ingest.webhooks.records import Status

TAG = "Webhooks"
MAX_PAGE = 200
NO_ENDPOINT = problem("There is no such endpoint.")
NO_DELIVERY = problem("There is no such delivery.")
NOT_CALLED = problem("The URL may not be called.")

EXAMPLE = {
    "url": "https://example.com/hook?of=beatloom",
    "description": "Our website",
    "events": ["job_completed", "job_failed"],
}

_ID = re.compile(r"[0-9a-f]{1,64}")

EndpointId = Annotated[str, PathParameter(description="The endpoint's id.")]
DeliveryId = Annotated[str, PathParameter(description="The delivery's id.")]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="Rows on a page.")]
ID_OR_NONE = r"^[0-9a-f]{0,64}$"
Before = Annotated[str, QueryParameter(pattern=ID_OR_NONE, description="The last id of the page before.")]


def _known(text: str, code: str) -> str:
    """An id as it stands in a path. Raises Permanent(code) for what can't be one."""
    if not _ID.fullmatch(text):
        raise Permanent(code)
    return text


@post(
    "/webhook-endpoints",
    status_code=201,
    operation_id="registerWebhookEndpoint",
    operation_class=exemplified({**EXAMPLE, "strict": False}),
    tags=[TAG],
    summary="Register a webhook endpoint",
    description="It is told of the end of every job from now on. The answer holds its secret, which is not told"
    " again; docs/webhooks.md says how signatures are checked.",
    responses={
        **COMMON,
        409: problem("There are too many endpoints."),
        422: NOT_CALLED,
    },
)
async def register_endpoint(
    data: JSONBody[views.EndpointOrder], parts: NamedDependency[Parts]
) -> views.EndpointSecret:
    """Register a webhook endpoint."""
    check_url(data.url, parts.callback_allow)
    new = NewEndpoint(
        url=data.url,
        description=data.description,
        events=tuple(dict.fromkeys(data.events)),
        strict=data.strict,
    )
    endpoint, secret = await parts.endpoints.register(parts.owner, new)
    return views.endpoint_secret(endpoint, secret)


@get(
    "/webhook-endpoints",
    operation_id="listWebhookEndpoints",
    tags=[TAG],
    summary="List the webhook endpoints",
    description="The newest first.",
    responses={**COMMON},
)
async def list_endpoints(
    parts: NamedDependency[Parts], limit: Limit = 50, before: Before = ""
) -> views.EndpointList:
    """List the webhook endpoints."""
    found = await parts.endpoints.page(parts.owner, limit=limit, before=before)
    return views.EndpointList(
        endpoints=tuple(views.endpoint_view(endpoint) for endpoint in found),
        next=_next("webhook-endpoints", limit, found[-1].id) if len(found) == limit else None,
    )


@get(
    "/webhook-endpoints/{endpoint_id:str}",
    operation_id="getWebhookEndpoint",
    tags=[TAG],
    summary="Look at a webhook endpoint",
    description="Without its secret.",
    responses={**COMMON, 404: NO_ENDPOINT},
)
async def get_endpoint(endpoint_id: EndpointId, parts: NamedDependency[Parts]) -> views.EndpointView:
    """Look at a webhook endpoint."""
    return views.endpoint_view(await parts.endpoints.get(parts.owner, _known(endpoint_id, "endpoint_not_found")))


@patch(
    "/webhook-endpoints/{endpoint_id:str}",
    operation_id="updateWebhookEndpoint",
    operation_class=exemplified(EXAMPLE),
    tags=[TAG],
    summary="Change a webhook endpoint",
    description="What waits to be sent follows a new URL; once it is switched off, what waits is dropped.",
    responses={**COMMON, 404: NO_ENDPOINT, 422: NOT_CALLED},
)
async def update_endpoint(
    endpoint_id: EndpointId, data: JSONBody[views.EndpointChange], parts: NamedDependency[Parts]
) -> views.EndpointView:
    """Change a webhook endpoint."""
    changes = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
    if "url" in changes:
        check_url(changes["url"], parts.callback_allow)
    if "events" in changes:
        changes["events"] = tuple(dict.fromkeys(changes["events"]))
    found = await parts.endpoints.update(parts.owner, _known(endpoint_id, "endpoint_not_found"), changes)
    return views.endpoint_view(found)


@delete(
    "/webhook-endpoints/{endpoint_id:str}",
    operation_id="deleteWebhookEndpoint",
    tags=[TAG],
    summary="Forget a webhook endpoint",
    description="What waits to be sent is dropped; what was sent stays on the list of deliveries.",
    responses={**COMMON, 404: NO_ENDPOINT},
)
async def delete_endpoint(endpoint_id: EndpointId, parts: NamedDependency[Parts]) -> None:
    """Forget a webhook endpoint."""
    await parts.endpoints.delete(parts.owner, _known(endpoint_id, "endpoint_not_found"))


@post(
    "/webhook-endpoints/{endpoint_id:str}/rotate-secret",
    status_code=200,
    operation_id="rotateWebhookSecret",
    tags=[TAG],
    summary="Give a webhook endpoint a new secret",
    description="For 24 hours webhooks carry two signatures, one of each secret, so that the receiver can change"
    " over in between. The secret before the old one signs no more.",
    responses={**COMMON, 404: NO_ENDPOINT},
)
async def rotate_secret(endpoint_id: EndpointId, parts: NamedDependency[Parts]) -> views.EndpointSecret:
    """Give a webhook endpoint a new secret."""
    endpoint, secret = await parts.endpoints.rotate(parts.owner, _known(endpoint_id, "endpoint_not_found"))
    return views.endpoint_secret(endpoint, secret)


@post(
    "/webhook-endpoints/{endpoint_id:str}/ping",
    status_code=202,
    operation_id="pingWebhookEndpoint",
    tags=[TAG],
    summary="Test a webhook endpoint",
    description="Sends the event `ping`, once. Follow the delivery to see what the receiver said.",
    responses={**COMMON, 404: NO_ENDPOINT, 409: problem("The endpoint is switched off.")},
)
async def ping_endpoint(endpoint_id: EndpointId, parts: NamedDependency[Parts]) -> views.DeliveryView:
    """Test a webhook endpoint."""
    return views.delivery_view(
        await parts.endpoints.ping(parts.owner, _known(endpoint_id, "endpoint_not_found")), ()
    )


@get(
    "/deliveries",
    operation_id="listDeliveries",
    tags=[TAG],
    summary="List the deliveries",
    description="Webhooks that were sent or wait to be, with what the receiver said last; the newest first.",
    responses={**COMMON},
)
async def list_deliveries(
    parts: NamedDependency[Parts],
    *,
    limit: Limit = 50,
    before: Before = "",
    endpoint: Annotated[
        str, QueryParameter(pattern=ID_OR_NONE, description="Only to the endpoint of this id.")
    ] = "",
    job: Annotated[str, QueryParameter(pattern=ID_OR_NONE, description="Only about the job of this id.")] = "",
    status: Annotated[Status | None, QueryParameter(description="Only with this status.")] = None,
) -> views.DeliveryList:
    """List the deliveries."""
    asked = {"endpoint": endpoint, "job": job}
    found = await parts.deliveries.page(parts.owner, limit=limit, before=before, status=status, **asked)
    kept = {**asked, "status": status or ""}
    return views.DeliveryList(
        deliveries=tuple(views.delivery_view(*told) for told in found),
        next=_next("deliveries", limit, found[-1][0].id, **kept) if len(found) == limit else None,
    )


@get(
    "/deliveries/{delivery_id:str}",
    operation_id="getDelivery",
    tags=[TAG],
    summary="Look at a delivery",
    description="With every try: when, how long, and what the receiver answered.",
    responses={**COMMON, 404: NO_DELIVERY},
)
async def get_delivery(delivery_id: DeliveryId, parts: NamedDependency[Parts]) -> views.DeliveryDetail:
    """Look at a delivery."""
    return views.delivery_detail(
        *await parts.deliveries.get(parts.owner, _known(delivery_id, "delivery_not_found"))
    )


@post(
    "/deliveries/{delivery_id:str}/redeliver",
    status_code=202,
    operation_id="redeliver",
    tags=[TAG],
    summary="Send a webhook again",
    description="With the same `webhook-id` and new tries, whatever became of it before.",
    responses={
        **COMMON,
        404: NO_DELIVERY,
        409: problem("Its endpoint is off or gone, or it was not about the end of a run."),
    },
)
async def redeliver(delivery_id: DeliveryId, parts: NamedDependency[Parts]) -> views.DeliveryView:
    """Send a webhook again."""
    delivery, _ = await parts.deliveries.get(parts.owner, _known(delivery_id, "delivery_not_found"))
    await parts.ledger.redeliver(delivery)
    return views.delivery_view(*await parts.deliveries.get(parts.owner, delivery_id))


def _next(what: str, limit: int, last: str, **kept: str) -> str:
    query = {"limit": str(limit), "before": last, **{name: value for name, value in kept.items() if value}}
    return f"/api/v1/{what}?{urlencode(query)}"


HANDLERS = (
    register_endpoint,
    list_endpoints,
    get_endpoint,
    update_endpoint,
    delete_endpoint,
    rotate_secret,
    ping_endpoint,
    list_deliveries,
    get_delivery,
    redeliver,
)
