"""Figures, spending and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from libs.contracts.errors import Permanent
from services.ingest.operating.figures import FiguresView, figures_view
from services.ingest.operating.journal import Asked, Line, lines
from services.ingest.operating.spending import By, Spent, spending
from services.ingest.parts import Parts
from services.ingest.routes.documents import COMMON
from services.ingest.routes.tags import OPERATING

WORD = r"^[A-Za-z0-9_.:\[\]-]{0,128}$"
"""Ids and names of actions and servers; nothing where none is given."""
MONTH = r"^([0-9]{4}-(0[1-9]|1[0-2]))?$"
MAX_PAGE = 500
LARGEST_ID = 2**63 - 1
FIRST_YEAR, LAST_YEAR = 2000, 9000
"""Times that can be said with any offset."""


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of the audit log, the newest first."""

    lines: tuple[Line, ...]
    next: str | None


class SpendingView(msgspec.Struct, frozen=True, kw_only=True):
    """Who spent what; who spent most comes first."""

    spending: tuple[Spent, ...]


@get(
    "/admin/figures",
    access="operator",
    operation_id="getFigures",
    tags=[OPERATING],
    summary="See how good scenes became and how long they took",
    description="Average scores and median seconds for a scene, by backend and workflow.",
    responses={**COMMON},
)
async def get_figures(
    parts: NamedDependency[Parts],
    days: Annotated[int, QueryParameter(ge=1, le=3650, description="Of so many days.")] = 30,
) -> FiguresView:
    """See how good scenes became and how long they took."""
    return await figures_view(parts.operations.database, parts.operations.clock(), days)


@get(
    "/admin/spending",
    access="operator",
    operation_id="getSpending",
    tags=[OPERATING],
    summary="See who spent what",
    description="By user and month, or further by project, job or kind of task. At most 1,000 rows.",
    responses={**COMMON},
)
async def get_spending(
    parts: NamedDependency[Parts],
    month: Annotated[str, QueryParameter(pattern=MONTH, description="As in 2026-11; all without.")] = "",
    user: Annotated[str, QueryParameter(pattern=WORD, description="Only of the user with this id.")] = "",
    by: Annotated[By, QueryParameter(description="What a row is about.")] = "user",
) -> SpendingView:
    """See who spent what."""
    found = await spending(parts.operations.database, month=month, owner=user, by=by)
    return SpendingView(spending=tuple(found))


@get(
    "/admin/audit",
    access="operator",
    operation_id="listAudit",
    tags=[OPERATING],
    summary="Read the audit log",
    description="What changed access, or spent or allowed money; the newest first. `next` leads to older lines.",
    responses={**COMMON},
)
async def list_audit(
    parts: NamedDependency[Parts],
    *,
    actor: Annotated[str, QueryParameter(pattern=WORD, description="Only what the user with this id did.")] = "",
    subject: Annotated[str, QueryParameter(pattern=WORD, description="Only what was done to this id.")] = "",
    action: Annotated[
        str, QueryParameter(pattern=WORD, description="As in `user.disabled`, or `user` for all.")
    ] = "",
    since: Annotated[datetime | None, QueryParameter(description="Not before; with an offset.")] = None,
    until: Annotated[datetime | None, QueryParameter(description="Before; with an offset.")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="Lines on a page.")] = 100,
    before: Annotated[
        int | None, QueryParameter(ge=1, le=LARGEST_ID, description="The last id of the page before.")
    ] = None,
) -> AuditPage:
    """Read the audit log."""
    for moment in filter(None, (since, until)):
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise Permanent("bad_request", f"There is no audit log of the year {moment.year}.")
    asked = Asked(actor=actor, subject=subject, action=action, since=since, until=until)
    found = await lines(parts.operations.database, asked, limit=limit, before=before)
    kept = {name: told for name, told in msgspec.to_builtins(asked).items() if told}
    more = urlencode({**kept, "limit": limit, "before": found[-1].id}) if len(found) == limit else ""
    return AuditPage(lines=tuple(found), next=f"/api/v1/admin/audit?{more}" if more else None)


HANDLERS = (get_figures, get_spending, list_audit)
