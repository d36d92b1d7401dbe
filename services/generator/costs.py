"""What work on servers costs, and how much a task may."""

from __future__ import annotations

from datetime import UTC, datetime

from libs.bus.handler import TaskContext
from libs.contracts.errors import BudgetExceeded
from libs.money.amounts import Micros, micros_of, text_of
from libs.money.prices import AHEAD_S, Prices


class Costs:
    """budget: what any task may cost, in the currency of the prices; 0: no limit but the task's own."""

    def __init__(self, prices: Prices | None = None, budget: float = 0.0) -> None:
        self.prices = prices or Prices()
        self._budget = budget

    def of(self, cls: str, seconds: float, end: datetime | None = None) -> Micros:
        """What so many seconds on a server of this class cost that ended then, or end now."""
        return self.prices.of_gpu(cls, end or datetime.now(UTC), seconds)

    def ceiling(self, context: TaskContext) -> Micros | None:
        """What the task may cost: its own ceiling, or the setting's where that is lower. None: any."""
        own = getattr(context.task.body, "ceiling", None)
        ceilings = [micros_of(one) for one in (own, self._budget or None) if one is not None]
        return min(ceilings, default=None)

    def must_afford(self, context: TaskContext, more: Micros) -> None:
        """Raises BudgetExceeded when the task has cost so much that so much more would be too much."""
        ceiling, spent = self.ceiling(context), context.billed.cost
        if ceiling is not None and ceiling < spent + more:
            told = f"It has cost {text_of(spent)}; to go on would take it beyond {text_of(ceiling)}."
            raise BudgetExceeded(told)

    def must_go_on(self, context: TaskContext, cls: str, unseen: Micros = 0, *, prompts: int = 1) -> None:
        """Raises BudgetExceeded shortly before a prompt on such a server makes the task too dear.

        unseen: what it may have cost besides what was seen. prompts: of the task, that run side by side.
        """
        self.must_afford(context, unseen + prompts * self.of(cls, AHEAD_S))
