"""Whom requests come from when a proxy stands before the service."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_network

from litestar.types import ASGIApp, Middleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from libs.contracts.errors import Permanent


def behind(proxies: Collection[str]) -> list[Middleware]:
    """Middleware that believes `X-Forwarded-For` and `X-Forwarded-Proto` of these addresses and networks alone.

    Raises Permanent("bad_setting") for what is neither."""
    for proxy in proxies:
        try:
            ip_network(proxy, strict=False)
        except ValueError as error:
            raise Permanent("bad_setting", f"{proxy!r} is no address or network of a proxy.") from error

    def believe(app: ASGIApp) -> ASGIApp:
        wrapped: ASGIApp = ProxyHeadersMiddleware(app, trusted_hosts=list(proxies))  # type: ignore[arg-type, assignment]
        return wrapped

    return [believe] if proxies else []
