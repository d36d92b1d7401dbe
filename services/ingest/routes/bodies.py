"""What several routes take: bodies read from the wire by hand, the query of a signed address."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Annotated

from litestar import Request
from litestar.datastructures import State as AppState
from litestar.exceptions import InternalServerException
from litestar.params import QueryParameter

from libs.contracts.errors import BeatloomError, Permanent
from services.ingest.access.gate import still_in
from services.ingest.uploads.receive import drain

DRAIN_SECONDS = 3.0
"""How long a refused upload is read on, so that its sender gets to read the answer."""

Expires = Annotated[str, QueryParameter(description="Of a signed address.")]
Signature = Annotated[str, QueryParameter(description="Of a signed address.")]
"""Routes take these only to tell of them at /schema: it is the gate that checks them."""

AnyRequest = Request[object, object, AppState]


@asynccontextmanager
async def body_of(request: AnyRequest) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """The request's body as it comes. Raises Permanent("bad_request") when it ends early."""
    async with aclosing(_chunks(request)) as body:
        try:
            yield body
        except BeatloomError:
            await drain(body, seconds=DRAIN_SECONDS)
            raise


def media_type_of(request: AnyRequest) -> str:
    """The Content-Type without its parameters, in lower case; "" for none."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def _chunks(request: AnyRequest) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException as error:
        raise Permanent("bad_request", "The request ended early.") from error
    await still_in(request)
