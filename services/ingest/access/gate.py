"""The one place where a request is let in: who asks, whether they may do this, and whether what they name is
theirs.

It is a guard of the whole API, so that a new route can't forget it. A route says what is special about it by
`access=`, `scope=` and `limit=` on its decorator. One that says nothing is for users who log in, and needs `read`
for GET and HEAD and `write` for the rest.
"""

from __future__ import annotations

from typing import Any, Literal

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from services.ingest.access.callers import MACHINE, Caller

Access = Literal["open", "user", "signed", "operator"]
"""Who gets to a route: everybody, users, users and holders of a signed address, operators."""

CALLER = "beatloom_caller"

AnyConnection = ASGIConnection[Any, Any, Any, Any]


async def gate(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """Let a request in, and note its caller."""
    connection.scope["state"][CALLER] = MACHINE


def caller_of(connection: AnyConnection) -> Caller:
    """Whoever the gate let in."""
    caller: Caller = connection.scope["state"][CALLER]
    return caller
