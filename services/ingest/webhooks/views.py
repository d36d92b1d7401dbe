"""What the HTTP API says of webhooks, and takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from libs.outbound.urls import ANY_HOST, MAX_URL_CHARS, check_url
from services.ingest.webhooks.records import EVENTS, Attempt, Delivery, Endpoint, Event, Status

Meta = msgspec.Meta

Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_URL_CHARS,
        pattern="^https?://",
        description="http or https; the query is kept byte for byte.",
    ),
]
Description = Annotated[
    str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="For people; without control characters.")
]
Events = Annotated[
    tuple[Event, ...], Meta(min_length=1, max_length=len(EVENTS), description="What it wants to be told of.")
]
Strict = Annotated[
    bool, Meta(description='Only the answer `{"received": true}` counts as taken; else any 2xx does.')
]


class EndpointOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint to register."""

    url: Url
    description: Description = ""
    events: Events = EVENTS
    strict: Strict = False


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different; what is left out stays."""

    url: Url | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    strict: Strict | UnsetType = UNSET
    active: (
        Annotated[bool, Meta(description="False: it is told nothing, and what waits is dropped.")] | UnsetType
    ) = UNSET


class EndpointView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook endpoint. Its secret is told once, when it is made."""

    id: str
    url: str
    description: str
    events: tuple[Event, ...]
    strict: bool
    active: bool
    old_secret_until: Annotated[
        datetime | None, Meta(description="Until then the secret before the last rotation signs too.")
    ] = None
    created_at: datetime
    updated_at: datetime


class EndpointSecret(EndpointView, frozen=True, kw_only=True):
    """A webhook endpoint with its new secret."""

    secret: Annotated[str, Meta(description="`whsec_` and base64, for Standard Webhooks. It is not told again.")]


class EndpointList(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoints, the newest first."""

    endpoints: tuple[EndpointView, ...]
    next: Annotated[str | None, Meta(description="Path of the next page; null on the last.")] = None


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook on its way, or what became of it."""

    id: str
    webhook_id: Annotated[str, Meta(description="The header `webhook-id`: the same over all tries.")]
    event: str
    endpoint_id: Annotated[str | None, Meta(description="Null: the job's callback, or the one of the settings.")]
    job_id: Annotated[str | None, Meta(description="Null where it is not about the end of a run.")]
    run: int | None
    receiver: Annotated[str, Meta(description="Scheme, host and port; the rest may hold secrets.")]
    status: Annotated[
        Status, Meta(description="`dropped`: its endpoint was switched off or deleted before it was taken.")
    ]
    tries: int
    code: Annotated[str | None, Meta(description="Why the last try failed; docs/errors.md lists them.")]
    created_at: datetime
    next_try_at: Annotated[datetime | None, Meta(description="When it is tried, or has been since it waits.")]
    ended_at: datetime | None
    last_try: Annotated[Attempt | None, Meta(description="What the receiver said last.")]
    links: DeliveryLinks


class DeliveryLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Paths on this API."""

    self_: Annotated[str, Meta(description="The delivery itself.")] = msgspec.field(name="self")
    redeliver: Annotated[
        str | None, Meta(description="POST here to send it again; null where it is not about the end of a run.")
    ]


class DeliveryDetail(DeliveryView, frozen=True, kw_only=True):
    """A delivery with all its tries."""

    attempts: Annotated[tuple[Attempt, ...], Meta(description="The oldest first.")]


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries, the newest first."""

    deliveries: tuple[DeliveryView, ...]
    next: Annotated[str | None, Meta(description="Path of the next page; null on the last.")] = None


def endpoint_view(endpoint: Endpoint) -> EndpointView:
    """An endpoint, as clients get it."""
    return EndpointView(**_fields(endpoint))


def endpoint_secret(endpoint: Endpoint, secret: str) -> EndpointSecret:
    """An endpoint and its new secret."""
    return EndpointSecret(**_fields(endpoint), secret=secret)


def _fields(endpoint: Endpoint) -> dict[str, Any]:
    fields = msgspec.structs.asdict(endpoint)
    fields["old_secret_until"] = fields.pop("old_until")
    return fields


def delivery_view(delivery: Delivery, attempts: Sequence[Attempt]) -> DeliveryView:
    """A delivery and its last try."""
    return DeliveryView(**_told(delivery, attempts))


def delivery_detail(delivery: Delivery, attempts: Sequence[Attempt]) -> DeliveryDetail:
    """A delivery and all its tries."""
    return DeliveryDetail(**_told(delivery, attempts), attempts=tuple(attempts))


def _told(delivery: Delivery, attempts: Sequence[Attempt]) -> dict[str, Any]:
    own = f"/api/v1/deliveries/{delivery.id}"
    names = set(DeliveryView.__struct_fields__) & set(Delivery.__struct_fields__)
    return {
        **{name: getattr(delivery, name) for name in names},
        "receiver": check_url(delivery.url, (ANY_HOST,)).masked,
        "last_try": attempts[-1] if attempts else None,
        "links": DeliveryLinks(self_=own, redeliver=f"{own}/redeliver" if delivery.job_id else None),
    }
