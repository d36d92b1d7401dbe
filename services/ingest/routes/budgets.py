"""Budgets: how one's own month stands, and more than a cap said is approved."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from libs.contracts.announcements import BudgetScope
from libs.contracts.jobs import State
from libs.money.amounts import Micros, amount_of, micros_of
from services.ingest import views
from services.ingest.money.approving import Approvals
from services.ingest.money.budgets import Budget
from services.ingest.parts import Parts, now
from services.ingest.routes.documents import COMMON, NO_JOB, exemplified, problem
from services.ingest.routes.jobs import JobId, job_id_of

Meta = msgspec.Meta
TAG = "Budgets"

NO_CAP = problem("There is no cap to raise.")


class Approval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much more may be spent."""

    amount: Annotated[
        Annotated[float, Meta(gt=0, le=1_000_000)] | None,
        Meta(
            description="In the currency of the settings. Null: as much again as the cap, or what is lacking where"
            " that is more.",
        ),
    ] = None


class RaisedView(msgspec.Struct, frozen=True, kw_only=True):
    """A cap that was raised."""

    scope: BudgetScope
    by: float


class ApprovedView(msgspec.Struct, frozen=True, kw_only=True):
    """More was approved. The job goes on, unless it needs yet more."""

    job_id: str
    status: State
    raised: tuple[RaisedView, ...]
    links: views.Links


class MonthView(msgspec.Struct, frozen=True, kw_only=True):
    """What you have spent this month, by UTC. Amounts are in the currency of the settings."""

    month: Annotated[str, Meta(description="As in `2026-11`.")]
    currency: str
    cap: Annotated[float | None, Meta(description="With what was approved; null: as much as you like.")]
    approved: Annotated[float, Meta(description="What was allowed besides the usual cap, this month alone.")]
    spent: float
    reserved: Annotated[float, Meta(description="What work that is under way may still cost.")]
    left: Annotated[float | None, Meta(description="What can still be reserved; null without a cap.")]


@post(
    "/jobs/{job_id:str}/approve-budget",
    status_code=200,
    operation_id="approveJobBudget",
    operation_class=exemplified({"amount": 10}),
    tags=[TAG],
    summary="Let a job spend more",
    description="Raises the cap that the job waits for: its own, its project's, or yours of this month; if it waits"
    " for none, its own. It goes on by itself.",
    responses={
        **COMMON,
        403: problem("A key without the scope, or only an operator may approve more this month."),
        404: NO_JOB,
        409: problem("There is no cap to raise, or the job has ended."),
    },
)
async def approve_job_budget(
    job_id: JobId, data: JSONBody[Approval], parts: NamedDependency[Parts]
) -> ApprovedView:
    """Let a job spend more."""
    return await approved(parts, job_id_of(job_id), data)


@get(
    "/me/budget",
    operation_id="getBudget",
    tags=[TAG],
    summary="See what you have spent this month",
    description="And what may still be spent. A month begins at midnight, UTC.",
    responses={**COMMON},
)
async def get_budget(parts: NamedDependency[Parts]) -> MonthView:
    """See what you have spent this month."""
    return month_view(await approvals_of(parts).standing(parts.owner), parts.ledger.treasury.currency)


@post(
    "/me/budget/approve",
    scope="account",
    status_code=200,
    operation_id="approveBudget",
    operation_class=exemplified({"amount": 10}),
    tags=[TAG],
    summary="Spend more this month",
    description="Raises your cap for this month alone; jobs that wait for it go on. An installation may leave this"
    " to its operators.",
    responses={
        **COMMON,
        403: problem("A key without the scope, or only an operator may approve more."),
        409: NO_CAP,
    },
)
async def approve_budget(data: JSONBody[Approval], parts: NamedDependency[Parts]) -> MonthView:
    """Spend more this month."""
    found = await approvals_of(parts).month(parts.caller, parts.owner, micros_told(data))
    return month_view(found, parts.ledger.treasury.currency)


async def approved(parts: Parts, job_id: str, data: Approval) -> ApprovedView:
    """Let a job spend more, whose right to ask for it has been checked."""
    found = await approvals_of(parts).job(parts.caller, job_id, micros_told(data))
    snapshot = await parts.ledger.snapshot(job_id)
    return ApprovedView(
        job_id=job_id,
        status=snapshot.state,
        raised=tuple(RaisedView(scope=one.scope, by=amount_of(one.by)) for one in found),
        links=views.links(job_id, snapshot.state, snapshot.kind),
    )


def approvals_of(parts: Parts) -> Approvals:
    """What raises caps."""
    return Approvals(parts.desk.database, parts.ledger, now)


def micros_told(data: Approval) -> Micros | None:
    """How much more is approved."""
    return None if data.amount is None else micros_of(data.amount)


def month_view(budget: Budget, currency: str) -> MonthView:
    """A month as it is told."""
    room = budget.room
    return MonthView(
        month=budget.key.month,
        currency=currency,
        cap=None if room.cap is None else amount_of(room.cap),
        approved=amount_of(budget.approved),
        spent=amount_of(room.spent),
        reserved=amount_of(room.reserved),
        left=None if room.left is None else amount_of(room.left),
    )


HANDLERS = (approve_job_budget, get_budget, approve_budget)
