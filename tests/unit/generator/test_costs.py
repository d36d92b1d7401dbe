"""What work costs, and where a task has to stop."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from libs.bus.handler import Bill, TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import BudgetExceeded
from libs.contracts.facts import Usage
from libs.contracts.jobs import JobOptions
from libs.contracts.tasks import Score, Task, TaskBody, Voice
from libs.money.prices import AHEAD_S, prices_of
from services.generator.comfyui.answers import HistoryEntry, Queue
from services.generator.comfyui.lease import Lease
from services.generator.comfyui.prompter import run_of
from services.generator.comfyui.truth import Sighting
from services.generator.comfyui.watch import Watch
from services.generator.costs import Costs

SECOND = prices_of("*=3600,slow=36")
"""A GPU second costs 1, on a slow one a hundredth."""
SCRIPT = Blob(sha256="0" * 64, size=1, media_type="application/json")


def context(body: TaskBody | None = None, spent: int = 0) -> TaskContext:
    order = body or Voice(script=SCRIPT, options=JobOptions())
    made = TaskContext(Task(job_id="j1", run=1, task="voice", attempt=1, owner="ann", body=order))
    made.bill("before", Bill(cost=spent))
    return made


@pytest.mark.parametrize(
    ("own", "setting", "ceiling"),
    [(None, 0.0, None), (2.0, 0.0, 2_000_000), (None, 3.0, 3_000_000), (2.0, 3.0, 2_000_000), (0.0, 3.0, 0)],
)
def test_the_lower_ceiling_counts(own: float | None, setting: float, ceiling: int | None) -> None:
    body = Score(prompt="", seconds=1, seed=0, ceiling=own)
    assert Costs(SECOND, setting).ceiling(context(body)) == ceiling


def test_a_prompt_is_stopped_before_the_ceiling_is_reached() -> None:
    costs, ahead = Costs(SECOND, budget=10.0), round(1_000_000 * AHEAD_S)
    costs.must_go_on(context(spent=10_000_000 - ahead), "fast")
    costs.must_go_on(context(spent=9_900_000), "slow")
    with pytest.raises(BudgetExceeded, match=r"It has cost 7\.000001; to go on would take it beyond 10\."):
        costs.must_go_on(context(spent=10_000_001 - ahead), "fast")
    with pytest.raises(BudgetExceeded):
        costs.must_go_on(context(spent=10_000_000 - ahead), "fast", unseen=1)
    with pytest.raises(BudgetExceeded):
        costs.must_go_on(context(spent=10_000_000 - ahead), "fast", prompts=2)


def test_what_costs_nothing_is_never_stopped() -> None:
    Costs(prices_of(""), budget=0.01).must_go_on(context(Score(prompt="", seconds=1, seed=0, ceiling=0.0)), "fast")


def test_bills_are_replaced_by_name_and_sums_are_exact() -> None:
    told = context()
    for _ in range(3):
        for number in range(10):
            told.bill(str(number), Bill(gpu_seconds=1.5, cost=100_001, characters=2))
    assert told.usage == Usage(gpu_seconds=15.0, cost=1.00001, characters=20)
    told.take_over(Usage(cost=0.3, tokens=7))
    assert (told.billed.cost, told.billed.tokens) == (1_300_010, 7)


def ended(seconds: float, *, sent_s: float, ago_s: float = 1.0) -> tuple[float, bool]:
    """Seconds that count of a prompt which was sent so long ago, and ended by its server's clock; whether that
    clock is believed."""
    now = datetime.now(UTC)
    lease = Lease(
        work="w",
        workflow="wan",
        profile="full",
        seed=1,
        server="s",
        epoch="",
        prompt_id="p",
        sent_at=now - timedelta(seconds=sent_s),
    )
    watch = Watch("p", "", time.monotonic())
    watch.running_since = time.monotonic() - 20.0
    at = now - timedelta(seconds=ago_s)
    entry = HistoryEntry(prompt_id="p", status="success", seconds=seconds, ended_at=at)
    watch.saw(Sighting(queue=Queue(), history=entry), "", time.monotonic())
    ran, found = run_of(watch, lease)
    return round(ran), found == at


def test_a_servers_clock_is_believed_as_far_as_it_can_be_true() -> None:
    assert ended(25.0, sent_s=30.0) == (25, True)
    assert ended(7200.0, sent_s=30.0) == (20, True), "it has leapt"
    assert ended(25.0, sent_s=7300.0, ago_s=7200.0) == (25, True), "it ended while nobody looked"
    assert ended(25.0, sent_s=30.0, ago_s=-60.0) == (25, False), "it is ahead"
