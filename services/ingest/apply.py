"""apply: what a fact changes. A merge, so that order and duplicates don't matter."""

from __future__ import annotations

from datetime import datetime

import msgspec

from libs.contracts.facts import Fact, TaskAttemptFailed
from services.ingest.state import DONE_BY, ENDINGS, Attempt, Ordered, RunState, TaskState, kind_of

RANK: tuple[type, ...] = tuple(ENDINGS)


def apply(state: RunState, fact: Fact) -> RunState:
    """The run once this is known. Facts of other runs, and those that make no sense, change nothing.

    Pure, total and idempotent; any order of the same facts ends in the same state. Of two facts that claim
    the same identity, the earlier one counts.
    """
    if (fact.job_id, fact.run) != (state.brief.job_id, state.run):
        return state
    if type(fact.body) in ENDINGS:
        ending = fact if state.ending is None else min(state.ending, fact, key=_terminal_rank)
        return msgspec.structs.replace(state, ending=ending)
    attempt = state.task(fact.task).attempts.get(fact.attempt, Attempt(number=fact.attempt))
    if isinstance(fact.body, DONE_BY.get(kind_of(fact.task), ())):
        return _with_attempt(state, fact.task, msgspec.structs.replace(attempt, done=_earlier(attempt.done, fact)))
    if isinstance(fact.body, TaskAttemptFailed) and kind_of(fact.task) in DONE_BY:
        return _with_attempt(
            state, fact.task, msgspec.structs.replace(attempt, failed=_earlier(attempt.failed, fact))
        )
    return state


def record_order(state: RunState, key: str, number: int, order: Ordered) -> RunState:
    """The run once this attempt is ordered."""
    attempt = state.task(key).attempts.get(number, Attempt(number=number))
    return _with_attempt(state, key, msgspec.structs.replace(attempt, ordered=order))


def record_given_up(state: RunState, letter_id: str) -> RunState:
    """The run once this try is a dead letter."""
    return msgspec.structs.replace(state, given_up=state.given_up | {letter_id})


def next_seq(state: RunState) -> int:
    """The number of the run's next order."""
    return 1 + sum(len(task.ordered) for task in state.tasks.values())


def _with_attempt(state: RunState, key: str, attempt: Attempt) -> RunState:
    attempts = {**state.task(key).attempts, attempt.number: attempt}
    return msgspec.structs.replace(state, tasks={**state.tasks, key: TaskState(key=key, attempts=attempts)})


def _earlier(known: Fact | None, new: Fact) -> Fact:
    return new if known is None else min(known, new, key=_age)


def _age(fact: Fact) -> tuple[datetime, bytes]:
    return fact.at, msgspec.json.encode(fact)


def _terminal_rank(fact: Fact) -> tuple[int, datetime, bytes]:
    return (RANK.index(type(fact.body)), *_age(fact))
