"""How the end of a piece of work becomes facts and a word to the stream: one pure function."""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Literal

import msgspec

from libs.bus.headers import Origin
from libs.contracts.codes import CODES
from libs.contracts.errors import (
    BeatloomError,
    InputMissing,
    JobCancelled,
    Malformed,
    NotTaken,
    Refused,
    Retryable,
    code_of,
    is_retryable,
)
from libs.contracts.facts import Fact, FactBody, TaskAttemptFailed, Usage, WorkFact
from libs.contracts.messages import DeadLetter

GIVE_BACK_S = 0.5
DETAIL_CHARS = 4096


class Done(msgspec.Struct, frozen=True):
    """The handler returned."""

    facts: list[WorkFact]


class Failed(msgspec.Struct, frozen=True):
    """The handler raised."""

    error: BaseException


class Ended(msgspec.Struct, frozen=True):
    """The run had ended: before the work began, or while it was under way."""


class GivenBack(msgspec.Struct, frozen=True):
    """The process stops; somebody else shall do it."""


class Unreadable(msgspec.Struct, frozen=True):
    """The body is no task."""

    error: Malformed


Outcome = Done | Failed | Ended | GivenBack | Unreadable


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a delivered message without its body."""

    message_id: str
    """Its `Nats-Msg-Id`, or stream and sequence."""
    kind: str
    origin: Origin | None
    """None when the headers don't name one."""
    reserved: bool = False
    """Whether money is reserved for it, until it is answered."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What to publish, in this order: letter, facts; and then what to tell the stream."""

    verdict: Literal["ack", "term", "nak"]
    facts: tuple[Fact, ...] = ()
    letter: DeadLetter | None = None
    delay_s: float = 0.0


def settle(outcome: Outcome, delivery: Delivery, usage: Usage, at: datetime) -> Settlement:
    """The settlement of a delivered task.

    Only work that is given back is nak'ed: the ledger alone orders another attempt. usage: what it cost; that is
    told of work that was ended too.
    """
    match outcome:
        case Ended() | Failed(error=JobCancelled()):
            told = delivery.reserved or _spent(usage)
            facts = _facts(delivery.origin, (failure_of(JobCancelled()),), usage, at) if told else ()
            return Settlement(verdict="ack", facts=facts)
        case GivenBack():
            return Settlement(verdict="nak", delay_s=GIVE_BACK_S)
        case Done(facts=bodies) if bodies:
            return Settlement(verdict="ack", facts=_facts(delivery.origin, tuple(bodies), usage, at))
        case Done():
            error = RuntimeError("the handler returned no fact")
            return Settlement(verdict="ack", facts=_facts(delivery.origin, (failure_of(error),), usage, at))
        case Failed(error=error):
            return Settlement(verdict="ack", facts=_facts(delivery.origin, (failure_of(error),), usage, at))
        case Unreadable(error=malformed):
            return Settlement(
                verdict="term",
                facts=_facts(delivery.origin, (failure_of(malformed),), usage, at),
                letter=letter_of(delivery, malformed.code, at),
            )


def failure_of(error: BaseException) -> TaskAttemptFailed:
    """The fact's body for any exception. Text of foreign exceptions goes to operators only."""
    code = code_of(error)
    answered = error if isinstance(error, (NotTaken, Refused)) else None
    return TaskAttemptFailed(
        code=code,
        message=error.message if isinstance(error, BeatloomError) else CODES[code].title,
        retryable=is_retryable(error),
        retry_after=error.after if isinstance(error, Retryable) else None,
        missing=error.sha256 if isinstance(error, InputMissing) else "",
        detail=_detail(error),
        status=answered.status if answered else 0,
        answer=answered.answer if answered else "",
    )


def letter_of(delivery: Delivery, code: str, at: datetime) -> DeadLetter:
    """The dead letter of a message: who and why, never what the user wrote."""
    origin = delivery.origin or Origin(job_id="", run=0, task="", attempt=0)
    return DeadLetter(
        id=delivery.message_id,
        kind=delivery.kind,
        job_id=origin.job_id,
        run=origin.run,
        task=origin.task,
        attempt=origin.attempt,
        code=code,
        at=at,
    )


def _facts(origin: Origin | None, bodies: tuple[FactBody, ...], usage: Usage, at: datetime) -> tuple[Fact, ...]:
    if origin is None:
        return ()
    return tuple(
        Fact(
            job_id=origin.job_id,
            run=origin.run,
            task=origin.task,
            attempt=origin.attempt,
            at=at,
            body=body,
            usage=usage,
        )
        for body in bodies
    )


def _spent(usage: Usage) -> bool:
    return bool(usage.cost or usage.gpu_seconds or usage.characters or usage.tokens)


def _detail(error: BaseException) -> str:
    own = getattr(error, "detail", "")
    text = own if isinstance(own, str) and own else "".join(traceback.format_exception(error))
    return text[-DETAIL_CHARS:]
