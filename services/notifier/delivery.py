"""One POST to a receiver, and what its answer means."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.outbound.exchange import exchange
from libs.outbound.targets import Target
from libs.outbound.urls import CALLBACK

MAX_ANSWER_BYTES = 4096
DRAIN_S = 1.0
"""How much of the answer's body is read, so that small answers end in good order; it is not looked at."""
MAX_RETRY_AFTER_S = 3600.0
TRY_AGAIN = frozenset({408, 425, 429})
"""Client errors that say "later"."""


class Answer:
    """What a receiver said."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers


async def post(target: Target, body: bytes, headers: Mapping[str, str], *, tls: ssl.SSLContext) -> Answer:
    """Send `body` and wait for the head of the answer. It has no time limit of its own: the caller sets one.

    Raises Retryable("delivery_failed").
    """
    async with exchange("POST", target, headers, tls=tls, purpose=CALLBACK, body=body) as response:
        await _drain(response)
    return Answer(response.status_code, response.headers)


async def _drain(response: httpx.Response) -> None:
    """Hear the receiver out, within limits. The status is in: what is wrong with the rest doesn't matter."""
    size = 0
    with suppress(httpx.TransportError, TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            async for chunk in response.aiter_raw(MAX_ANSWER_BYTES):
                size += len(chunk)
                if size >= MAX_ANSWER_BYTES:
                    return


def refusal(answer: Answer, now: datetime) -> BeatloomError | None:
    """The error that an answer means; None when the receiver took the webhook (2xx)."""
    status = answer.status
    if 200 <= status < 300:
        return None
    if status >= 500 or status in TRY_AGAIN:
        after = retry_after(answer.headers.get("retry-after", ""), now)
        return Retryable("delivery_failed", f"The receiver answered {status}.", after=after)
    return Permanent("delivery_refused", f"The receiver answered {status}.")


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
