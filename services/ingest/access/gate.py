"""The one place where a request is let in: who asks, whether they may do this, and whether what they name is
theirs.

It is a guard of the whole API, so that a new route can't forget it, and the app is not built with one that has
(`declared.py`). A route says what is special about it by `access=`, `scope=` and `limit=` on its decorator. One
that says nothing is for users who log in, and needs `read` for GET and HEAD and `write` for the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from libs.contracts.errors import Permanent
from libs.seal.addresses import EXPIRES, GET, PUT, SIGNATURE
from services.ingest.access.callers import MACHINE, NOBODY, Caller, Scope
from services.ingest.access.local import refuse_foreign
from services.ingest.access.ownership import Owners
from services.ingest.database import Database
from services.ingest.limits.limits import LimitName, Limits
from services.ingest.published import Published

Access = Literal["open", "user", "signed", "link", "operator"]
"""Who gets to a route: everybody, users, users and holders of a signed address, those holders alone, operators."""

Bound = Callable[[Database, Mapping[str, Any]], Awaitable[str]]
"""What else than its path a signed address stands for, by the parameters of the path: `bound=` of a route."""

CALLER = "beatloom_caller"

AnyConnection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[AnyConnection, BaseRouteHandler], Awaitable[None]]

_LOOKS = ("GET", "HEAD")
_SCHEME = "bearer"
_KEYED = b"idempotency-key"


class Authenticates(Protocol):
    """Who is behind a token or an API key."""

    async def authenticate(self, bearer: str) -> Caller:
        """The caller, without an address. Raises Permanent for what is no good, or no more."""
        ...


class Door(NamedTuple):
    """What the gate works with."""

    database: Database
    owners: Owners
    published: Published
    accounts: Authenticates | None = None
    """None: a machine without logins, where everybody is its one user."""
    origins: Collection[str] = ()
    """Of pages that may call a machine without logins, besides its own."""
    limits: Limits | None = None

    async def let_in(self, connection: AnyConnection, handler: BaseRouteHandler) -> Caller:
        """Who asks, when they may. Raises Permanent for those who may not."""
        access: Access = handler.opt.get("access", "user")
        said = _said(connection)
        if self.accounts is None:
            refuse_foreign(said.get(b"host", ""), said.get(b"origin"), self.origins)
        address = connection.client.host if connection.client is not None else ""
        caller = msgspec.structs.replace(await self._caller(connection, handler, access, said), address=address)
        if access != "open" and caller.means != "link":
            _check_scope(caller, access, handler.opt.get("scope") or _usual(connection, access))
        if self.limits is not None:
            limit: LimitName = handler.opt.get("limit") or ("reads" if _method(connection) in _LOOKS else "writes")
            await self.limits.admit(caller, limit, keyed=_KEYED in said)
        if access not in ("open", "operator"):
            await self.owners.check(caller.owner, connection.path_params)
        return caller

    async def _caller(
        self, connection: AnyConnection, handler: BaseRouteHandler, access: Access, said: Mapping[bytes, str]
    ) -> Caller:
        if access == "open":
            return NOBODY if self.accounts is not None else MACHINE
        query = connection.query_params
        if access == "link" or (access == "signed" and (EXPIRES in query or SIGNATURE in query)):
            return await self._holder(connection, handler)
        if self.accounts is None:
            return MACHINE
        scheme, _, bearer = said.get(b"authorization", "").partition(" ")
        if scheme.lower() != _SCHEME or not bearer.strip():
            raise Permanent("unauthenticated")
        return await self.accounts.authenticate(bearer.strip())

    async def _holder(self, connection: AnyConnection, handler: BaseRouteHandler) -> Caller:
        """Whoever has a signed address: as its thing's owner, for this alone."""
        bound: Bound | None = handler.opt.get("bound")
        query, path = connection.query_params, connection.scope["path"]
        looks = _method(connection) in _LOOKS
        self.published.check(
            path,
            query.get(EXPIRES, ""),
            query.get(SIGNATURE, ""),
            method=GET if looks else PUT,
            bound=await bound(self.database, connection.path_params) if bound is not None else "",
        )
        owner = await self.owners.common(connection.path_params)
        return Caller(owner=owner, means="link", scopes=frozenset({"read" if looks else "write"}))


def gate_at(door: Callable[[], Door]) -> Guard:
    """The guard of a door, which need not be there yet. door: raises Retryable until it is."""

    async def gate(connection: AnyConnection, handler: BaseRouteHandler) -> None:
        if _method(connection) == "OPTIONS":
            caller = NOBODY
        else:
            caller = await door().let_in(connection, handler)
        connection.scope["state"][CALLER] = caller

    return gate


def caller_of(connection: AnyConnection) -> Caller:
    """Whoever the gate let in."""
    caller: Caller = connection.scope["state"][CALLER]
    return caller


def _method(connection: AnyConnection) -> str:
    return str(connection.scope.get("method", ""))


def _said(connection: AnyConnection) -> dict[bytes, str]:
    """The headers that say who asks, from where, and whether again. Of one that comes twice the first counts."""
    said: dict[bytes, str] = {}
    for name, value in connection.scope["headers"]:
        if name in (b"authorization", b"host", b"origin", _KEYED):
            said.setdefault(name, value.decode("latin-1"))
    return said


def _usual(connection: AnyConnection, access: Access) -> Scope:
    if access == "operator":
        return "admin"
    return "read" if _method(connection) in _LOOKS else "write"


def _check_scope(caller: Caller, access: Access, scope: Scope) -> None:
    if access == "operator" and not caller.is_operator:
        raise Permanent("operators_only")
    if scope not in caller.scopes:
        raise Permanent("scope_missing", f"It needs the scope `{scope}`.")
