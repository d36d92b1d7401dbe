"""One HTTP request: to the checked addresses and no other, without following anything."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import httpx

from libs.contracts.errors import Retryable
from libs.outbound.targets import Target
from libs.outbound.urls import Purpose


@asynccontextmanager
async def exchange(
    method: str,
    target: Target,
    headers: Mapping[str, str],
    *,
    tls: ssl.SSLContext,
    purpose: Purpose,
    body: bytes = b"",
    head_s: float | None = None,
) -> AsyncGenerator[httpx.Response, None]:
    """Send a request and give the answer's head; its body is read by the caller, with `aiter_raw`.

    The connection goes to the target's own addresses, tried in order while none accepts; the Host header and
    the TLS name stay the URL's. head_s: seconds until the answer's head; None: the caller limits the whole.
    Raises Retryable(purpose.failed), also for what goes wrong while the caller reads.
    """
    try:
        # The transport alone: a client would read where a redirect leads, and stumble over it.
        async with httpx.AsyncHTTPTransport(verify=tls, trust_env=False) as transport:
            try:
                async with asyncio.timeout(head_s):
                    response = await _send_to_any(transport, method, target, headers, body)
            except TimeoutError as error:
                raise httpx.ReadTimeout("no answer") from error
            try:
                yield response
            finally:
                await response.aclose()
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
        text = f"The host of the {purpose.noun} could not be reached ({type(error).__name__})."
        raise Retryable(purpose.failed, text) from error


async def _send_to_any(
    transport: httpx.AsyncHTTPTransport, method: str, target: Target, headers: Mapping[str, str], body: bytes
) -> httpx.Response:
    url = target.url
    last: httpx.ConnectError | None = None
    for address in target.addresses:
        request = httpx.Request(
            method,
            httpx.URL(scheme=url.scheme, host=str(address), port=url.port, path="/"),
            content=body or None,
            headers={"connection": "close", **headers, "host": _host_header(target)},
            # The target is sent as it stands: a rebuilt query would no longer be what was given.
            extensions={"target": url.target.encode("ascii"), "sni_hostname": url.host.rstrip(".")},
        )
        try:
            return await transport.handle_async_request(request)
        except httpx.ConnectError as error:
            last = error
    raise last or httpx.ConnectError("no address")


def _host_header(target: Target) -> str:
    url = target.url
    host = f"[{url.host}]" if ":" in url.host else url.host
    default = 443 if url.scheme == "https" else 80
    return host if url.port == default else f"{host}:{url.port}"
