"""No app is built with a route that says nothing of whose things it is about."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from services.ingest.access.callers import Scope
from services.ingest.access.gate import Access, Guard
from services.ingest.access.ownership import OWNED, WITHIN
from services.ingest.limits.limits import LIMITS

OPEN_PATHS = ("/healthz/live", "/healthz/ready", "/metrics", "/schema")
"""What has no gate: for those who watch the service, and the description of the API."""


def check_routes(app: Litestar, gate: Guard) -> None:
    """Return when every route has this gate, and the gate knows what it is about. Raises RuntimeError otherwise."""
    wrong = [
        f"{'/'.join(sorted(handler.http_methods))} {route.path}: {problem}"
        for route in app.routes
        if isinstance(route, HTTPRoute) and not _is_open(route.path)
        for handler in route.route_handlers
        for problem in _problems(handler, tuple(route.path_parameters), gate)
    ]
    if wrong:
        raise RuntimeError("\n".join(["routes that the gate can't judge:", *wrong]))


def _is_open(path: str) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in OPEN_PATHS)


def _problems(handler: HTTPRouteHandler, parameters: Collection[str], gate: Guard) -> list[str]:
    found = [] if gate in handler.resolve_guards() else ["it has no gate"]
    if handler.http_methods == {"OPTIONS"}:
        return found
    access, scope = handler.opt.get("access", "user"), handler.opt.get("scope")
    limit = handler.opt.get("limit")
    if limit is not None and limit not in LIMITS:
        found.append(f"limit={limit!r} is not known")
    if access not in get_args(Access):
        found.append(f"access={access!r} is not known")
    if scope is not None and scope not in get_args(Scope):
        found.append(f"scope={scope!r} is not known")
    if access == "operator":
        return found
    for name in parameters:
        if name in OWNED and access == "open":
            found.append(f"it is open, and names a thing of somebody's: {name}")
        elif name not in OWNED and access != "open" and WITHIN.get(name) not in parameters:
            found.append(f"ownership.py does not say whose {name} is")
    if access in ("signed", "link") and not OWNED.keys() & set(parameters):
        found.append("a signed address has to name a thing of somebody's")
    return found
