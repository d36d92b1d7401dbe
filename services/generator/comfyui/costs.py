"""What prompts cost, and how much a task may."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from libs.bus.handler import TaskContext
from services.generator.comfyui.lease import EndedAttempt
from services.generator.comfyui.server import Server


class Costs:
    """prices: for an hour of a server class, in the currency of the budget; "" for all others.

    budget: what any task may cost; 0: no limit but the task's own.
    """

    def __init__(self, prices: Mapping[str, float] | None = None, budget: float = 0.0) -> None:
        self._prices = prices or {}
        self._budget = budget

    def of(self, server: Server | None, seconds: float) -> float:
        """What so many seconds on a server cost; nothing where it is no longer known."""
        return 0.0 if server is None else seconds / 3600 * self._prices.get(server.cls, self._prices.get("", 0.0))

    def ceiling(self, context: TaskContext) -> float:
        """What the task may cost: its own ceiling, or the setting's where that is lower."""
        own = getattr(context.task.body, "ceiling", None)
        return min(math.inf if own is None else own, self._budget or math.inf)

    def over(self, ended: Sequence[EndedAttempt], context: TaskContext, running: float = 0.0) -> bool:
        """Whether the task has cost too much, with what runs and what was charged for its other pieces."""
        spent = context.cost + sum(one.cost for one in ended) + running
        return spent > 0 and spent >= self.ceiling(context)


def charge(attempts: Sequence[EndedAttempt], context: TaskContext) -> None:
    """Put attempts on the task's account."""
    context.spend_gpu(sum(one.gpu_seconds for one in attempts), sum(one.cost for one in attempts))
