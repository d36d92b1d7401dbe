"""Bytes of the messages on the bus, and the smaller ones that have no module of their own.

The law of change: new fields have defaults, types never change, unknown fields are ignored; golden
samples of every message are kept for ever in tests/contract/golden.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec

from libs.contracts.errors import Malformed
from libs.contracts.facts import Fact
from libs.contracts.tasks import Task


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """The last word on a job's runs: those up to and including `ended_run` take no more work."""

    job_id: str
    ended_run: int
    state: Literal["failed", "cancelled", "superseded"]
    at: datetime


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a task is. Chatter: may be lost, at most four a second for each task."""

    job_id: str
    run: int
    task: str
    attempt: int
    fraction: float
    """0..1 of this task."""
    message: str = ""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of work that was given up, without any text from the user."""

    id: str
    """The task's message id, or the stream and sequence of a message that can't be read."""
    kind: str
    job_id: str
    run: int
    task: str
    attempt: int
    code: str
    at: datetime


T = TypeVar("T", Task, Fact, Control, Progress, DeadLetter)

_encoder = msgspec.json.Encoder()
_decoders: dict[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Task, Fact, Control, Progress, DeadLetter)
}


def encode(message: Task | Fact | Control | Progress | DeadLetter) -> bytes:
    """JSON bytes of a message."""
    return _encoder.encode(message)


def decode(data: bytes, kind: type[T]) -> T:
    """The message in `data`. Raises `Malformed` when it isn't one."""
    try:
        message: T = _decoders[kind].decode(data)
    except msgspec.DecodeError as error:
        raise Malformed(f"not a {kind.__name__}: {error}") from error
    return message
