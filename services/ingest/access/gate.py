"""The one place where a request is let in: who asks, whether they may do this, and whether what they name is
theirs.

It is a guard of the whole API, so that a new route can't forget it, and the app is not built with one that has
(`declared.py`). A route says what is special about it by `access=`, `scope=` and `limit=` on its decorator. One
that says nothing is for users who log in, and needs `read` for GET and HEAD and `write` for the rest.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
from litestar.connection import ASGIConnection, Request
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

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
_STILL = "beatloom_still_in"

SLOW_S = 1.0
"""Whoever takes longer to send a body is asked again who they are."""

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
        caller = await self.known(connection, handler)
        if self.limits is not None:
            limit: LimitName = handler.opt.get("limit") or ("reads" if _method(connection) in _LOOKS else "writes")
            await self.limits.admit(caller, limit, keyed=_KEYED in _said(connection))
        if access not in ("open", "operator"):
            await self.owners.check(caller.owner, connection.path_params)
        return caller

    async def known(self, connection: AnyConnection, handler: BaseRouteHandler) -> Caller:
        """Who asks, when their role and scopes allow it now. Raises Permanent."""
        access: Access = handler.opt.get("access", "user")
        said = _said(connection)
        if self.accounts is None:
            refuse_foreign(said.get(b"host", ""), said.get(b"origin"), self.origins)
        address = connection.client.host if connection.client is not None else ""
        caller = msgspec.structs.replace(await self._caller(connection, handler, access, said), address=address)
        if access != "open" and caller.means != "link":
            _check_scope(caller, access, handler.opt.get("scope") or _usual(connection, access))
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
        state = connection.scope["state"]
        if _method(connection) == "OPTIONS":
            state[CALLER] = NOBODY
            return
        state[CALLER] = await door().let_in(connection, handler)
        began = time.monotonic()

        async def still() -> None:
            if time.monotonic() - began > SLOW_S:
                state[CALLER] = await door().known(connection, handler)

        revocable = state[CALLER].means in ("token", "key")
        state[_STILL] = still if revocable else _nothing
        if revocable and _method(connection) not in _LOOKS and _has_document(handler):
            assert isinstance(connection, Request)
            await connection.body()  # kept there for the route
            await still()

    return gate


async def _nothing() -> None:
    """Nobody shuts out a machine's one user, or whoever holds a signed address."""


async def still_in(connection: AnyConnection) -> None:
    """To be called once a body has come that the route reads by itself. Whoever was let in may have been shut out
    since: a body that is held back would get what it orders done long after. Raises Permanent then.
    """
    await connection.scope["state"][_STILL]()


def caller_of(connection: AnyConnection) -> Caller:
    """Whoever the gate let in."""
    caller: Caller = connection.scope["state"][CALLER]
    return caller


def _method(connection: AnyConnection) -> str:
    return str(connection.scope.get("method", ""))


def _has_document(handler: BaseRouteHandler) -> bool:
    """Whether a body is read whole before the route sees it: those without a limit it reads by itself."""
    return isinstance(handler, HTTPRouteHandler) and handler.resolve_request_max_body_size() is not None


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
