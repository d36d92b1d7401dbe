"""What is told of money: events of a job, and when somebody has to hear of a budget. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from libs.contracts.announcements import BudgetNews
from libs.money.amounts import amount_of
from services.ingest.events import BudgetPaused, BudgetWarning, CostUpdate
from services.ingest.money.budgets import Budget, Payer
from services.ingest.money.costs import Totals
from services.ingest.money.purse import Room
from services.ingest.narration import Told
from services.ingest.state import RunState

WARNED_AT = 80
"""Percent of a cap that are spent when its owner is warned."""

BudgetEvent = Literal["budget_warning", "budget_paused"]


def updated(after: RunState, totals: Totals, room: Room | None, currency: str, now: datetime) -> Told:
    """What a job has cost so far. room: that of the job, where money is at stake."""
    cap = room.cap if room is not None else None
    return "cost_update", CostUpdate(
        run=after.run,
        cost=amount_of(totals.spent),
        reserved=amount_of(room.reserved if room is not None else 0),
        cap=None if cap is None else amount_of(cap),
        currency=currency,
        gpu_seconds=totals.gpu_seconds,
        characters=totals.characters,
        tokens=totals.tokens,
        at=now,
    )


def news(budget: Budget, payer: Payer, currency: str) -> BudgetNews | None:
    """How a budget stands; None for one without a cap."""
    room = budget.room
    if room.cap is None:
        return None
    return BudgetNews(
        scope=budget.key.scope,
        job_id=payer.job_id,
        project_id=payer.project_id,
        month=budget.key.month,
        cap=amount_of(room.cap),
        spent=amount_of(room.spent),
        reserved=amount_of(room.reserved),
        currency=currency,
    )


def flagged(
    budget: Budget, before: RunState | None, after: RunState, now: datetime
) -> tuple[Budget, Sequence[BudgetEvent], Sequence[BudgetEvent]]:
    """The budget once its owner has been told, the job's events of it, and webhooks: once for each cap."""
    events, hooks = list[BudgetEvent](), list[BudgetEvent]()
    room = budget.room
    if room.cap and 100 * room.spent >= WARNED_AT * room.cap and budget.warned_at is None:
        budget = msgspec.structs.replace(budget, warned_at=now)
        events.append("budget_warning")
        hooks.append("budget_warning")
    if after.paused == budget.key.scope and (before is None or before.paused != after.paused):
        events.append("budget_paused")
        if budget.paused_at is None:
            budget = msgspec.structs.replace(budget, paused_at=now)
            hooks.append("budget_paused")
    return budget, events, hooks


def event(name: BudgetEvent, run: int, told: BudgetNews, now: datetime) -> Told:
    """The event of a job that says how a budget stands."""
    kind = BudgetWarning if name == "budget_warning" else BudgetPaused
    return name, kind(**msgspec.structs.asdict(told), run=run, at=now)
