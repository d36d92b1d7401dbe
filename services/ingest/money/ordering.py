"""What a task may cost when it is ordered: its ceiling, and what is reserved for it. Pure."""

from __future__ import annotations

import math

import msgspec

from libs.contracts.facts import TaskAttemptFailed
from libs.contracts.tasks import Animate, Imagine, Score, Task, Voice
from libs.money.amounts import Micros, amount_of
from libs.money.prices import OVERSHOOT_S
from services.ingest.money.estimates import estimate_task
from services.ingest.money.figures import Figures
from services.ingest.state import RunState, TaskState

EXCEEDED = "budget_exceeded"
RAISES = 4
"""How often the ceiling of a task is doubled because it was not enough."""
DAY_S = 86_400.0


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What is set aside for one attempt."""

    ceiling: Micros
    """What the worker may spend."""
    reserved: Micros
    """That, and what a worker may spend before it has stopped."""


def price_of(state: RunState, task: Task) -> Price | None:
    """The price of a task that is about to be ordered; None: it costs nothing."""
    figures = state.purse.figures
    expected = estimate_task(task.body, figures).cost if figures is not None else 0
    if not expected or figures is None:
        return None
    ceiling = max(expected, 2 * _too_low(state.task(task.task)))
    return Price(ceiling=ceiling, reserved=ceiling + _overshoot(figures))


def with_ceiling(task: Task, ceiling: Micros) -> Task:
    """The task, with what it may cost in it."""
    body = task.body
    assert isinstance(body, Imagine | Animate | Voice | Score)
    return msgspec.structs.replace(task, body=msgspec.structs.replace(body, ceiling=amount_of(ceiling)))


def may_raise(task: TaskState) -> bool:
    """Whether a task whose ceiling was too low may have a higher one."""
    found = [try_ for try_, _ in task.ordered if _exceeded(try_.failed and try_.failed.body)]
    last = task.ordered[-1][1]
    return last.ceiling is not None and len(found) <= RAISES


def _too_low(task: TaskState) -> Micros:
    """The ceiling that the last attempt came to; 0: it failed for another reason, or had none."""
    if not task.ordered:
        return 0
    last, order = task.ordered[-1]
    return (order.ceiling or 0) if _exceeded(last.failed and last.failed.body) else 0


def _exceeded(body: object) -> bool:
    return isinstance(body, TaskAttemptFailed) and body.code == EXCEEDED


def _overshoot(figures: Figures) -> Micros:
    """What a worker may spend beyond a ceiling, at the dearest price of the next day: it may wait."""
    return math.ceil(OVERSHOOT_S * figures.prices.dearest(figures.at, DAY_S) / 3600)
