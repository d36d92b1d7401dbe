"""Addresses at which a client without a key of its own may do one thing in an S3 bucket: AWS Signature Version 4 in
the query, with headers that the client has to send as they were signed. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit


class Grant(NamedTuple):
    """What is allowed: one method on one key, for `seconds`."""

    method: Literal["GET", "PUT"]
    key: str
    seconds: int
    headers: Mapping[str, str] = {}
    """Headers that the request must carry, with lower-case names."""
    answer: Mapping[str, str] = {}
    """Headers that the answer to a GET carries instead of the object's own, with lower-case names."""


class Signature(NamedTuple):
    """Whose name an address is signed in."""

    access_key: str
    secret_key: str
    region: str


def presign(grant: Grant, signature: Signature, *, endpoint: str, bucket: str, now: datetime) -> str:
    """The address. endpoint: where clients reach the S3 server, as in `https://s3.example.com`."""
    host, path = urlsplit(endpoint).netloc, quote(f"/{bucket}/{grant.key}")
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    scope = f"{day}/{signature.region}/s3/aws4_request"
    headers = sorted({**grant.headers, "host": host}.items())
    names = ";".join(name for name, _ in headers)
    query = {
        **{f"response-{name}": value for name, value in grant.answer.items()},
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{signature.access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(grant.seconds),
        "X-Amz-SignedHeaders": names,
    }
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
    lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in headers)
    request = f"{grant.method}\n{path}\n{asked}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    told = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{signature.secret_key}".encode()
    for part in (day, signature.region, "s3", "aws4_request"):
        key = _mac(key, part)
    return f"{endpoint.rstrip('/')}{path}?{asked}&X-Amz-Signature={_mac(key, told).hex()}"


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
