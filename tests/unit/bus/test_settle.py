"""Every way in which work can end, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from libs.bus.headers import Origin
from libs.bus.settle import (
    DETAIL_CHARS,
    GIVE_BACK_S,
    Delivery,
    Done,
    Ended,
    Failed,
    GivenBack,
    Outcome,
    Unreadable,
    failure_of,
    settle,
)
from libs.contracts.artifacts import Blob
from libs.contracts.codes import CODES
from libs.contracts.errors import (
    BudgetExceeded,
    InputMissing,
    JobCancelled,
    Malformed,
    Permanent,
    Retryable,
)
from libs.contracts.facts import TaskAttemptFailed, TrackAnalyzed, Usage

AT = datetime(2026, 1, 2, tzinfo=UTC)
USAGE = Usage(wall_seconds=3.0, cpu_seconds=2.0)
ORIGIN = Origin(job_id="j1", run=2, task="analyze", attempt=3)
DELIVERY = Delivery(message_id="j1/2/analyze/3", kind="analyze", origin=ORIGIN)
HEARD = TrackAnalyzed(
    analysis=Blob(sha256="a" * 64, size=1, media_type="application/json"), duration=6.0, bpm=120.0, sections=2
)

TABLE: list[tuple[Outcome, str, list[str], float, bool]] = [
    # outcome, verdict, facts, delay, letter
    (Done([HEARD]), "ack", ["track.analyzed"], 0.0, False),
    (Done([HEARD, HEARD]), "ack", ["track.analyzed", "track.analyzed"], 0.0, False),
    (Done([]), "ack", ["task.attempt_failed"], 0.0, False),
    (Failed(Retryable("timeout")), "ack", ["task.attempt_failed"], 0.0, False),
    (Failed(InputMissing("b" * 64)), "ack", ["task.attempt_failed"], 0.0, False),
    (Failed(Permanent("not_media")), "ack", ["task.attempt_failed"], 0.0, False),
    (Failed(BudgetExceeded()), "ack", ["task.attempt_failed"], 0.0, False),
    (Failed(Malformed("a document")), "ack", ["task.attempt_failed"], 0.0, False),
    (Failed(KeyError("x")), "ack", ["task.attempt_failed"], 0.0, False),
    (Failed(JobCancelled()), "ack", [], 0.0, False),
    (Ended(), "ack", [], 0.0, False),
    (GivenBack(), "nak", [], GIVE_BACK_S, False),
    (Unreadable(Malformed("no task")), "term", ["task.attempt_failed"], 0.0, True),
]


@pytest.mark.parametrize(("outcome", "verdict", "facts", "delay", "letter"), TABLE)
def test_the_table(outcome: Outcome, verdict: str, facts: list[str], delay: float, letter: bool) -> None:
    settlement = settle(outcome, DELIVERY, USAGE, AT)
    assert settlement.verdict == verdict
    assert [fact.name for fact in settlement.facts] == facts
    assert settlement.delay_s == delay
    assert (settlement.letter is not None) is letter
    for fact in settlement.facts:
        assert (fact.job_id, fact.run, fact.task, fact.attempt) == ("j1", 2, "analyze", 3)
        assert (fact.at, fact.usage) == (AT, USAGE)


@pytest.mark.parametrize("spent", [Usage(cost=0.01), Usage(gpu_seconds=1.0), Usage(characters=1), Usage(tokens=1)])
def test_what_called_off_work_has_cost_is_told(spent: Usage) -> None:
    settlement = settle(Ended(), DELIVERY, spent, AT)
    (fact,) = settlement.facts
    assert isinstance(fact.body, TaskAttemptFailed)
    assert (settlement.verdict, fact.body.code, fact.body.retryable, fact.usage) == (
        "ack",
        "job_cancelled",
        False,
        spent,
    )


def test_work_with_money_set_aside_is_always_answered() -> None:
    reserved = msgspec.structs.replace(DELIVERY, reserved=True)
    assert len(settle(Ended(), reserved, Usage(), AT).facts) == 1
    assert not settle(GivenBack(), reserved, Usage(cost=1.0), AT).facts, "somebody else tells it"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Retryable("no_space", "full", after=7.5), ("no_space", "full", True, 7.5, "")),
        (InputMissing("b" * 64), ("input_missing", "The artifact bbbbbbbbbbbb... is gone.", True, None, "b" * 64)),
        (Permanent("not_media", "nope"), ("not_media", "nope", False, None, "")),
        (BudgetExceeded(), ("budget_exceeded", CODES["budget_exceeded"].title, False, None, "")),
        (ValueError("password 123"), ("unexpected", CODES["unexpected"].title, True, None, "")),
    ],
)
def test_what_a_failure_says(error: Exception, expected: tuple[str, str, bool, float | None, str]) -> None:
    body = failure_of(error)
    assert (body.code, body.message, body.retryable, body.retry_after, body.missing) == expected
    assert type(error).__name__ in body.detail


def test_the_end_of_a_tools_output_is_kept_for_operators() -> None:
    error = Permanent("media_tool_failed")
    error.detail = "x" * 5000 + "Invalid data"  # type: ignore[attr-defined]
    detail = failure_of(error).detail
    assert len(detail) == DETAIL_CHARS
    assert detail.endswith("Invalid data")


def test_a_message_of_nobody_is_a_letter_without_a_fact() -> None:
    nobody = Delivery(message_id="BEATLOOM_TASKS:9", kind="plan", origin=None)
    settlement = settle(Unreadable(Malformed("rubbish")), nobody, Usage(), AT)
    assert (settlement.verdict, settlement.facts) == ("term", ())
    assert settlement.letter is not None
    assert (settlement.letter.id, settlement.letter.job_id, settlement.letter.code) == (
        "BEATLOOM_TASKS:9",
        "",
        "malformed_message",
    )


def test_an_unreadable_message_is_not_worth_another_try() -> None:
    (fact,) = settle(Unreadable(Malformed("no task")), DELIVERY, Usage(), AT).facts
    assert isinstance(fact.body, TaskAttemptFailed)
    assert not fact.body.retryable
