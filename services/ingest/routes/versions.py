"""Versions on the wire: a client that writes says which one it has seen, and learns the next."""

from __future__ import annotations

import re
from typing import Annotated

from litestar.params import HeaderParameter

from libs.contracts.errors import Permanent

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"|([0-9]{1,9})')

IfMatch = Annotated[
    str,
    HeaderParameter(
        name="If-Match",
        description='The version that the change is based on, as the ETag of the last answer says it: `"3"`.',
    ),
]


def version_of(if_match: str) -> int:
    """The version in an If-Match header. Raises Permanent: version_required, bad_request."""
    if not if_match.strip():
        raise Permanent("version_required")
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise Permanent("bad_request", 'If-Match has to be one version in quotes, as in "3".')
    return int(found.group(1) or found.group(2))


def etag(version: int) -> dict[str, str]:
    """The headers of an answer that has this version."""
    return {"ETag": f'"{version}"'}
