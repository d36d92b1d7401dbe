"""The sweeper's work, done now."""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency

from services.ingest.operating.upkeep import Upkept
from services.ingest.parts import Parts
from services.ingest.routes.documents import COMMON
from services.ingest.routes.tags import OPERATING


@post(
    "/admin/sweep",
    access="operator",
    status_code=200,
    operation_id="sweepNow",
    tags=[OPERATING],
    summary="Sweep now",
    description="Publishes tasks again that have gone without an answer for too long, and forgets what has expired."
    " It happens by itself each minute. `count`: tasks published again.",
    responses={**COMMON},
)
async def sweep_now(parts: NamedDependency[Parts]) -> Upkept:
    """Sweep now."""
    await parts.operations.note(parts.caller, "sweep.started")
    return await parts.operations.sweep.now()


@post(
    "/admin/retention",
    access="operator",
    status_code=200,
    operation_id="retainNow",
    tags=[OPERATING],
    summary="Remove now what nobody needs",
    description="By the rules of docs/keeping.md. It happens by itself each hour. Of a large store the answer may"
    " be `running`: call again for the end. `count`: what was removed.",
    responses={**COMMON},
)
async def retain_now(parts: NamedDependency[Parts]) -> Upkept:
    """Remove now what nobody needs."""
    await parts.operations.note(parts.caller, "retention.started")
    return await parts.operations.retention.now()


HANDLERS = (sweep_now, retain_now)
