"""A file fetched from an address that others name: redirects checked one by one, within limits of size and time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing
from functools import cache
from urllib.parse import unquote, urldefrag, urljoin

import httpx

from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.outbound.exchange import exchange
from libs.outbound.targets import Resolver, Target, resolve_target, system_resolver
from libs.outbound.urls import SOURCE, not_allowed

MAX_REDIRECTS = 5
IDLE_S = 10.0
"""How long a host may say nothing, before its answer and within it."""
HEADERS = {"user-agent": "Beatloom-Fetch/1", "accept": "*/*", "accept-encoding": "identity"}

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRY_AGAIN = frozenset({408, 425, 429})

Take = Callable[[bytes], Awaitable[None]]


async def fetch(
    url: str,
    take: Take,
    *,
    allow: Collection[str],
    max_bytes: int,
    seconds: float,
    tls: ssl.SSLContext | None = None,
    resolver: Resolver = system_resolver,
) -> str:
    """Hand the bytes at `url` to `take`, piece by piece; the name that the address ends with, as it stands there.

    allow: hosts and addresses that may be fetched from although they are private. seconds: for all of it.
    Raises Permanent: bad_source_url (also for where a redirect leads), fetch_refused (an answer that is no file),
    file_too_large; Retryable("fetch_failed"); and what `take` raises. No message holds an address.
    """
    if tls is None:
        tls = await asyncio.to_thread(_trusting)
    try:
        async with asyncio.timeout(seconds):
            for _ in range(MAX_REDIRECTS + 1):
                target = await resolve_target(url, allow, SOURCE, resolver=resolver)
                location = await _get(target, take, max_bytes, tls)
                if location is None:
                    return unquote(target.url.target.partition("?")[0].rpartition("/")[2])
                url = _redirected(url, location)
    except TimeoutError as error:
        raise Retryable("fetch_failed", f"The file did not come within {seconds:g} seconds.") from error
    raise Permanent("fetch_refused", f"The source URL is redirected more than {MAX_REDIRECTS} times.")


def _redirected(url: str, location: str) -> str:
    try:
        return urldefrag(urljoin(url, location)).url
    except ValueError:
        raise not_allowed(SOURCE, "it is redirected to what can't be read") from None


@cache
def _trusting() -> ssl.SSLContext:
    """Made once: it reads whom to trust."""
    return httpx.create_ssl_context()


async def _get(target: Target, take: Take, max_bytes: int, tls: ssl.SSLContext) -> str | None:
    """Where a redirect leads, or None once the whole file was taken."""
    async with exchange("GET", target, HEADERS, tls=tls, purpose=SOURCE, head_s=IDLE_S) as answer:
        if answer.status_code in _REDIRECTS and "location" in answer.headers:
            return str(answer.headers["location"])
        problem = refusal(answer.status_code, answer.headers, max_bytes)
        if problem is not None:
            raise problem
        taken = 0
        async with aclosing(_timely(answer)) as chunks:
            async for chunk in chunks:
                taken += len(chunk)
                if taken > max_bytes:
                    raise _too_large(max_bytes)
                await take(chunk)
    return None


def refusal(status: int, headers: httpx.Headers, max_bytes: int) -> BeatloomError | None:
    """The error that the head of an answer means; None when the file follows."""
    if status >= 500 or status in _TRY_AGAIN:
        return Retryable("fetch_failed", f"The host of the source URL answered {status}.")
    if status != 200:
        return Permanent("fetch_refused", f"The host of the source URL answered {status}.")
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return Permanent(
            "fetch_refused", "The host of the source URL sends it compressed, which was not asked for."
        )
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > max_bytes:
        return _too_large(max_bytes)
    return None


def _too_large(max_bytes: int) -> Permanent:
    return Permanent("file_too_large", f"The file at the source URL is larger than {max_bytes / 1e6:g} MB.")


async def _timely(answer: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The body as it came over the wire, not unpacked."""
    chunks = aiter(answer.aiter_raw())
    while True:
        try:
            async with asyncio.timeout(IDLE_S):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise Retryable("fetch_failed", f"Nothing came from the source URL for {IDLE_S:g} s.") from error
        yield chunk
