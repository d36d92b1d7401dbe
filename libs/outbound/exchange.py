"""One HTTP request: to the checked addresses and no other, without following anything."""

from __future__ import annotations

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
) -> AsyncGenerator[httpx.Response, None]:
    """Send a request and give the answer's head; its body is read by the caller, with `aiter_raw`.

    The connection goes to the target's own addresses, tried in order while none accepts; the Host header and
    the TLS name stay the URL's. It has no time limit of its own: the caller sets one.
    Raises Retryable(purpose.failed), also for what goes wrong while the caller reads.
    """
    try:
        transport = httpx.AsyncHTTPTransport(verify=tls, http1=True, trust_env=False, retries=0)
        async with httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - the caller's limit is on the whole, not on each read
        ) as client:
            response = await _send_to_any(client, method, target, headers, body)
            try:
                yield response
            finally:
                await response.aclose()
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
        text = f"The host of the {purpose.noun} could not be reached ({type(error).__name__})."
        raise Retryable(purpose.failed, text) from error


async def _send_to_any(
    client: httpx.AsyncClient, method: str, target: Target, headers: Mapping[str, str], body: bytes
) -> httpx.Response:
    url = target.url
    last: httpx.ConnectError | None = None
    for address in target.addresses:
        request = client.build_request(
            method,
            httpx.URL(scheme=url.scheme, host=str(address), port=url.port, path="/"),
            content=body or None,
            headers={**headers, "host": _host_header(target)},
            # The target is sent as it stands: a rebuilt query would no longer be what was given.
            extensions={"target": url.target.encode("ascii"), "sni_hostname": url.host.rstrip(".")},
        )
        try:
            return await client.send(request, stream=True)
        except httpx.ConnectError as error:
            last = error
    raise last or httpx.ConnectError("no address")


def _host_header(target: Target) -> str:
    url = target.url
    host = f"[{url.host}]" if ":" in url.host else url.host
    default = 443 if url.scheme == "https" else 80
    return host if url.port == default else f"{host}:{url.port}"
