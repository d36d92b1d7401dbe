"""GPU servers: what each does, and which of them get no new work. And what waits in the queues."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from services.ingest.operating.pool import PoolView, server_named
from services.ingest.operating.queues import QueuesView
from services.ingest.parts import Parts
from services.ingest.routes.documents import COMMON, problem
from services.ingest.routes.tags import OPERATING

ServerName = Annotated[str, PathParameter(description="Host and port, as in `gpu-1:8188`.")]


class DrainView(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a server from now on."""

    server: str
    drained: bool
    told: bool
    """False: the bus is away; generators hear of it within a minute of its return."""


@get(
    "/admin/queues",
    access="operator",
    operation_id="getQueues",
    tags=[OPERATING],
    summary="See what waits",
    description="Depth and age by kind and priority: in the queues of the bus, in the ledger, in the outbox.",
    responses={**COMMON},
)
async def get_queues(parts: NamedDependency[Parts]) -> QueuesView:
    """See what waits."""
    return await parts.operations.queues()


@get(
    "/admin/pool",
    access="operator",
    operation_id="getPool",
    tags=[OPERATING],
    summary="See the GPU servers",
    description="As the generators tell that answer within a second, and as they are drained by operators.",
    responses={**COMMON},
)
async def get_pool(parts: NamedDependency[Parts]) -> PoolView:
    """See the GPU servers."""
    return await parts.operations.pool()


@post(
    "/admin/pool/{server:str}/drain",
    access="operator",
    status_code=200,
    operation_id="drainServer",
    tags=[OPERATING],
    summary="Give a GPU server no new work",
    description="Every generator follows within seconds; what runs there ends. It lasts until the server is"
    " undrained. Work that only drained servers could do waits.",
    responses={**COMMON},
)
async def drain_server(server: ServerName, parts: NamedDependency[Parts]) -> DrainView:
    """Give a GPU server no new work."""
    name = server_named(server)
    return DrainView(server=name, drained=True, told=await parts.operations.draining.drain(parts.caller, name))


@post(
    "/admin/pool/{server:str}/undrain",
    access="operator",
    status_code=200,
    operation_id="undrainServer",
    tags=[OPERATING],
    summary="Give a drained GPU server work again",
    description="Every generator follows within seconds.",
    responses={**COMMON, 404: problem("The server is not drained.")},
)
async def undrain_server(server: ServerName, parts: NamedDependency[Parts]) -> DrainView:
    """Give a drained GPU server work again."""
    name = server_named(server)
    return DrainView(server=name, drained=False, told=await parts.operations.draining.undrain(parts.caller, name))


HANDLERS = (get_queues, get_pool, drain_server, undrain_server)
