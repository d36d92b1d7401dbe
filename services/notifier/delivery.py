"""One POST to a receiver: to the checked address and no other, within a time, without following anything."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.contracts.urls import IPAddress
from services.notifier.targets import Target

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

    The connection goes to the target's own addresses, tried in order while none accepts; the Host header and
    the TLS name stay the URL's. Raises Retryable("delivery_failed").
    """
    try:
        return await _post_to_any(target, body, headers, tls)
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
        raise Retryable(
            "delivery_failed", f"The receiver could not be reached ({type(error).__name__})."
        ) from error


async def _post_to_any(target: Target, body: bytes, headers: Mapping[str, str], tls: ssl.SSLContext) -> Answer:
    transport = httpx.AsyncHTTPTransport(verify=tls, http1=True, trust_env=False, retries=0)
    async with httpx.AsyncClient(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=None,  # noqa: S113 - the caller's limit is on the whole, not on each read
    ) as client:
        last: httpx.ConnectError | None = None
        for address in target.addresses:
            try:
                return await _post_to(client, target, address, body, headers)
            except httpx.ConnectError as error:
                last = error
        raise last or httpx.ConnectError("no address")


async def _post_to(
    client: httpx.AsyncClient, target: Target, address: IPAddress, body: bytes, headers: Mapping[str, str]
) -> Answer:
    url = target.url
    request = client.build_request(
        "POST",
        httpx.URL(scheme=url.scheme, host=str(address), port=url.port, path="/"),
        content=body,
        headers={**headers, "host": _host_header(target)},
        # The target is sent as it stands: a rebuilt query would no longer be what the receiver gave out.
        extensions={"target": url.target.encode("ascii"), "sni_hostname": url.host.rstrip(".")},
    )
    response = await client.send(request, stream=True)
    try:
        await _drain(response)
    finally:
        await response.aclose()
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


def _host_header(target: Target) -> str:
    url = target.url
    host = f"[{url.host}]" if ":" in url.host else url.host
    default = 443 if url.scheme == "https" else 80
    return host if url.port == default else f"{host}:{url.port}"


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
