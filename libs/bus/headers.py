"""Headers of messages: the identity for the duplicate window, and whose work a message is.

They repeat what the body says, so that a body which can't be read still fails its job.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from libs.contracts.subjects import HEADER_ATTEMPT, HEADER_JOB, HEADER_RUN, HEADER_TASK

MESSAGE_ID = "Nats-Msg-Id"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Which attempt of which task of which run a message speaks of."""

    job_id: str
    run: int
    task: str
    attempt: int


def write(message_id: str, origin: Origin | None) -> dict[str, str]:
    """The headers of a message; the trace's are added when it is published."""
    headers = {MESSAGE_ID: message_id}
    if origin is not None:
        headers[HEADER_JOB] = origin.job_id
        headers[HEADER_RUN] = str(origin.run)
        headers[HEADER_TASK] = origin.task
        headers[HEADER_ATTEMPT] = str(origin.attempt)
    return headers


def read(headers: Mapping[str, str] | None) -> Origin | None:
    """The origin that headers name, or None when they don't name one."""
    if not headers:
        return None
    try:
        origin = Origin(
            job_id=headers[HEADER_JOB],
            run=int(headers[HEADER_RUN]),
            task=headers[HEADER_TASK],
            attempt=int(headers[HEADER_ATTEMPT]),
        )
    except (KeyError, ValueError):
        return None
    return origin if origin.job_id and origin.task else None


def size(headers: Mapping[str, str]) -> int:
    """Bytes of headers on the wire; the server counts them to the message's."""
    lines = (f"{name}: {value}\r\n" for name, value in headers.items())
    return len("NATS/1.0\r\n\r\n") + sum(len(line.encode()) for line in lines)


def kind_of_subject(subject: str) -> str:
    """The kind in `beatloom.task.<kind>.<priority>`; "unknown" for any other subject."""
    parts = subject.split(".")
    return parts[2] if len(parts) == 4 and parts[:2] == ["beatloom", "task"] else "unknown"
