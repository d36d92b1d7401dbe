"""One POST to a receiver."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress

import httpx

from libs.outbound.exchange import exchange
from libs.outbound.targets import Target
from libs.outbound.urls import CALLBACK
from services.notifier.answers import Answer

MAX_ANSWER_BYTES = 4096
DRAIN_S = 1.0
"""How much of the answer's body is read, and how long."""


async def post(target: Target, body: bytes, headers: Mapping[str, str], *, tls: ssl.SSLContext) -> Answer:
    """Send `body` and wait for the answer. It has no time limit of its own: the caller sets one.

    Raises Retryable("delivery_failed").
    """
    async with exchange("POST", target, headers, tls=tls, purpose=CALLBACK, body=body) as response:
        beginning = await _drain(response)
    return Answer(response.status_code, response.headers, beginning)


async def _drain(response: httpx.Response) -> bytes:
    """Hear the receiver out, within limits. The status is in: what is wrong with the rest doesn't matter."""
    heard = bytearray()
    with suppress(httpx.TransportError, TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            async for chunk in response.aiter_raw(MAX_ANSWER_BYTES):
                heard += chunk
                if len(heard) >= MAX_ANSWER_BYTES:
                    break
    return bytes(heard[:MAX_ANSWER_BYTES])
