"""Whether new orders are taken."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from services.ingest.operating.intake import Pause
from services.ingest.parts import Parts
from services.ingest.routes.documents import COMMON, exemplified
from services.ingest.routes.tags import OPERATING

Meta = msgspec.Meta


class PauseOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What those are told who order meanwhile."""

    reason: Annotated[
        str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="For people; on one line.")
    ] = ""
    retry_after: Annotated[int, Meta(ge=1, le=86_400, description="Seconds after which they may ask again.")] = 300


class IntakeView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether new orders are taken."""

    paused: bool
    paused_at: datetime | None = None
    paused_by: str | None = None
    reason: str | None = None
    retry_after: int | None = None


def _view(pause: Pause | None) -> IntakeView:
    if pause is None:
        return IntakeView(paused=False)
    return IntakeView(paused=True, **msgspec.structs.asdict(pause))


@get(
    "/admin/intake",
    access="operator",
    operation_id="getIntake",
    tags=[OPERATING],
    summary="See whether new orders are taken",
    description="And if not, since when and why.",
    responses={**COMMON},
)
async def get_intake(parts: NamedDependency[Parts]) -> IntakeView:
    """See whether new orders are taken."""
    return _view(await parts.operations.intake.paused())


@post(
    "/admin/intake/pause",
    access="operator",
    status_code=200,
    operation_id="pauseIntake",
    operation_class=exemplified({"reason": "A disk is changed until noon.", "retry_after": 600}),
    tags=[OPERATING],
    summary="Take no new orders",
    description="Orders and retries are answered with 503 `intake_paused` and Retry-After from now on. What runs"
    " goes on; dead letters can be replayed.",
    responses={**COMMON},
)
async def pause_intake(data: JSONBody[PauseOrder], parts: NamedDependency[Parts]) -> IntakeView:
    """Take no new orders."""
    return _view(await parts.operations.intake.pause(parts.caller, data.reason, data.retry_after))


@post(
    "/admin/intake/resume",
    access="operator",
    status_code=200,
    operation_id="resumeIntake",
    tags=[OPERATING],
    summary="Take orders again",
    description="Nothing happens where they are taken.",
    responses={**COMMON},
)
async def resume_intake(parts: NamedDependency[Parts]) -> IntakeView:
    """Take orders again."""
    await parts.operations.intake.resume(parts.caller)
    return _view(None)


HANDLERS = (get_intake, pause_intake, resume_intake)
