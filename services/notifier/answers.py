"""What a receiver's answer means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import msgspec

from libs.contracts.errors import BeatloomError, NotTaken, Refused

MAX_RETRY_AFTER_S = 3600.0
LATER = frozenset({404, 408, 425, 429})
"""Client errors after which it is tried again: the ledger says for how long."""
NOT_YET = "is running already"
"""With 409: a Wait node of n8n that its execution has not reached."""
NO_MORE = "has finished already"
"""With 409: a Wait node of n8n that has gone on; it was told."""


class Answer(NamedTuple):
    """What a receiver said."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    """Its beginning."""

    @property
    def text(self) -> str:
        """The body for people, without what a database can't keep."""
        return self.body.decode(errors="replace").replace("\0", "")


def refusal(answer: Answer, now: datetime, *, strict: bool = False) -> BeatloomError | None:
    """The error that an answer means; None when the receiver has taken the webhook.

    strict: a 2xx counts only with the body `{"received": true}`.
    """
    status, text = answer.status, answer.text
    if 200 <= status < 300:
        if strict and not _received(answer.body):
            return NotTaken(
                f'The receiver answered {status} without {{"received": true}}.', status=status, answer=text
            )
        return None
    if status == 409 and NO_MORE in text.lower():
        return None
    told = f"The receiver answered {status}."
    if status >= 500 or status in LATER or (status == 409 and NOT_YET in text.lower()):
        after = retry_after(answer.headers.get("retry-after", ""), now)
        return NotTaken(told, status=status, answer=text, after=after)
    return Refused(told, status=status, answer=text)


def _received(body: bytes) -> bool:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(said, dict) and said.get("received") is True


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (a number or a date), an hour at most; None when it doesn't."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)
