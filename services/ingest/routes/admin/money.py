"""What users may spend: how their month stands, and more of it."""

from __future__ import annotations

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from services.ingest.parts import Parts
from services.ingest.routes.admin.users import NO_USER, UserId, user_id_of
from services.ingest.routes.budgets import (
    NO_CAP,
    Approval,
    ApprovedView,
    MonthView,
    approvals_of,
    approved,
    micros_told,
    month_view,
)
from services.ingest.routes.documents import COMMON, NO_JOB, exemplified, problem
from services.ingest.routes.jobs import JobId, job_id_of
from services.ingest.routes.tags import OPERATING


@get(
    "/admin/users/{user_id:str}/budget",
    access="operator",
    operation_id="getUsersBudget",
    tags=[OPERATING],
    summary="See what a user has spent this month",
    description="And what they may still spend. A month begins at midnight, UTC.",
    responses={**COMMON, 404: NO_USER},
)
async def get_users_budget(user_id: UserId, parts: NamedDependency[Parts]) -> MonthView:
    """See what a user has spent this month."""
    user = await parts.operations.people.get(user_id_of(user_id))
    return month_view(await approvals_of(parts).standing(user.id), parts.ledger.treasury.currency)


@post(
    "/admin/users/{user_id:str}/approve-budget",
    access="operator",
    status_code=200,
    operation_id="approveUsersBudget",
    operation_class=exemplified({"amount": 10}),
    tags=[OPERATING],
    summary="Let a user spend more this month",
    description="Raises their cap for this month alone; jobs of theirs that wait for it go on.",
    responses={**COMMON, 404: NO_USER, 409: NO_CAP},
)
async def approve_users_budget(
    user_id: UserId, data: JSONBody[Approval], parts: NamedDependency[Parts]
) -> MonthView:
    """Let a user spend more this month."""
    user = await parts.operations.people.get(user_id_of(user_id))
    found = await approvals_of(parts).month(parts.caller, user.id, micros_told(data))
    return month_view(found, parts.ledger.treasury.currency)


@post(
    "/admin/jobs/{job_id:str}/approve-budget",
    access="operator",
    status_code=200,
    operation_id="approveAnyJobBudget",
    operation_class=exemplified({"amount": 10}),
    tags=[OPERATING],
    summary="Let anybody's job spend more",
    description="Raises the cap that the job waits for: its own, its project's, or its user's of this month; if it"
    " waits for none, its own. It goes on by itself.",
    responses={**COMMON, 404: NO_JOB, 409: problem("There is no cap to raise, or the job has ended.")},
)
async def approve_any_job_budget(
    job_id: JobId, data: JSONBody[Approval], parts: NamedDependency[Parts]
) -> ApprovedView:
    """Let anybody's job spend more."""
    return await approved(parts, job_id_of(job_id), data)


HANDLERS = (get_users_budget, approve_users_budget, approve_any_job_budget)
