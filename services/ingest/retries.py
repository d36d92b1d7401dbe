"""What becomes of a task whose last try is known: tried again, its input made again, or given up."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import msgspec

from libs.contracts.facts import TaskAttemptFailed
from services.ingest.brief import blobs_in
from services.ingest.money.ordering import EXCEEDED, may_raise
from services.ingest.rules import Failures, Rule, general
from services.ingest.state import RunState, TaskState, kind_of, letter_of
from services.ingest.webhooks import retrying

RULES: Mapping[str, Rule] = {"notify": retrying.again}
"""Kinds of tasks that have a rule of their own."""
UNCOUNTED = frozenset({retrying.BUSY, EXCEEDED})
"""Codes of tries that were none."""
REMAKES = 2
"""How often a run makes the same lost result again."""


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """Order the task's next attempt, `wait` seconds from now."""

    wait: float = 0.0


class Remake(msgspec.Struct, frozen=True, kw_only=True):
    """Order the task `producer` anew first: what it made is gone."""

    producer: str


class Hopeless(msgspec.Struct, frozen=True, kw_only=True):
    """Trying again can't help, or was tried often enough."""

    attempt: int
    failure: TaskAttemptFailed


Verdict = Try | Remake | Hopeless | None


def verdict(state: RunState, key: str, due: Collection[str], now: datetime) -> Verdict:
    """What to do with a task whose inputs are there. None: it is done, or a try is under way.

    due: keys of all tasks whose inputs are there; only these can be made again.
    """
    task = state.task(key)
    if state.outcome(key) is not None:
        return None
    if not task.ordered:
        return Try()
    last, order = task.ordered[-1]
    if last.failed is None or not isinstance(last.failed.body, TaskAttemptFailed):
        return None
    newest = Hopeless(attempt=last.number, failure=last.failed.body)
    return _after_failure(state, key, order.seq, newest, due=due, now=now)


def _after_failure(
    state: RunState, key: str, seq: int, hopeless: Hopeless, *, due: Collection[str], now: datetime
) -> Verdict:
    failure = hopeless.failure
    if failure.code == "input_missing" and failure.missing in state.brief.uploads:
        return hopeless
    if _made_again_since(state, seq, failure):
        return Try()
    producer = _producer(state, failure, due)
    if producer is not None:
        return Remake(producer=producer) if _remakes(state, producer) < REMAKES else hopeless
    if failure.code == EXCEEDED and may_raise(state.task(key)):
        return Try()
    if not failure.retryable:
        return hopeless
    wait = RULES.get(kind_of(key), general)(_failures(state, key, hopeless, now))
    return hopeless if wait is None else Try(wait=wait)


def _producer(state: RunState, failure: TaskAttemptFailed, due: Collection[str]) -> str | None:
    """The task whose result, as it counts now, holds the missing blob."""
    if failure.code != "input_missing" or not failure.missing:
        return None
    for key in due:
        made = state.outcome(key)
        if made is not None and _holds(made, failure.missing):
            return key
    return None


def _made_again_since(state: RunState, seq: int, failure: TaskAttemptFailed) -> bool:
    """True when the missing blob's task was ordered anew after the try with this order number: that try
    worked from the lost result, so it says nothing of the new one."""
    if failure.code != "input_missing":
        return False
    return any(
        order.anew and order.seq > seq
        for task in state.tasks.values()
        if any(_holds(made, failure.missing) for made in _ever_made(state, task))
        for _, order in task.ordered
    )


def _ever_made(state: RunState, task: TaskState) -> Iterator[object]:
    yield state.brief.given.made.get(task.key)
    yield from (try_.done.body for try_ in task.attempts.values() if try_.done)


def _holds(body: object, sha256: str) -> bool:
    return any(blob.sha256 == sha256 for blob in blobs_in(body))


def _remakes(state: RunState, key: str) -> int:
    return sum(order.anew for _, order in state.task(key).ordered)


def _tries(state: RunState, key: str) -> int:
    """Failed tries that count: since the task was last ordered anew, and not for an input made again since."""
    task = state.task(key)
    floor = task.floor.number if task.floor else 0
    return sum(
        isinstance(try_.failed.body, TaskAttemptFailed)
        and try_.failed.body.code not in UNCOUNTED
        and not _made_again_since(state, order.seq, try_.failed.body)
        for try_, order in task.ordered
        if try_.number >= floor and try_.failed is not None
    )


def _failures(state: RunState, key: str, newest: Hopeless, now: datetime) -> Failures:
    """What the rule of the task's kind looks at."""
    task = state.task(key)
    first = (task.floor or task.ordered[0][0]).ordered
    assert first is not None
    seed = letter_of(state.brief.job_id, state.run, key, newest.attempt)
    return Failures(
        last=newest.failure,
        tries=_tries(state, key),
        elapsed=(now - first.at).total_seconds(),
        chance=random.Random(seed).random(),  # noqa: S311 (it spreads load, it keeps no secret)
    )
