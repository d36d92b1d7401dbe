"""Which web pages of other origins may call a service, and what they may send and see."""

from __future__ import annotations

import re
from collections.abc import Sequence

from litestar.config.cors import CORSConfig

from libs.contracts.errors import Permanent

ANY = "*"
SENT = (
    "Accept",
    "Authorization",
    "Cache-Control",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Range",
    "Traceparent",
    "X-Request-Id",
)
"""Headers that a page may send: those of writes, event streams and ranges among them."""
SEEN = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Location",
    "Retry-After",
    "X-Request-Id",
)
"""Headers that a page may read, besides those that it always may."""

_ORIGIN = re.compile(r"https?://[a-z0-9._-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")


def cors(origins: Sequence[str]) -> CORSConfig | None:
    """The rule for pages of these origins, as `https://app.example.com`; "*" means every page. None for none.

    Cookies are never let through. Raises Permanent("bad_setting") for what no browser sends as an origin.
    """
    for origin in origins:
        if origin != ANY and not _ORIGIN.fullmatch(origin):
            raise Permanent("bad_setting", f"{origin!r} is no origin: give it as https://app.example.com.")
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=list(SENT),
        expose_headers=list(SEEN),
        max_age=3600,
    )
