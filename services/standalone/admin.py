"""`beatloom admin`: what operators ask and order, by the HTTP API of a stack."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

from libs.contracts.errors import Permanent
from services.standalone.admin_users import create_user
from services.standalone.client import API, ApiClient
from services.standalone.data_dir import DataDir, default_data_dir
from services.standalone.dead import DEFAULT_URL, dead_letters
from services.standalone.tables import show

ADMIN = f"{API}/admin"


class Call(NamedTuple):
    """A request, and how its answer is told."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = MappingProxyType({})
    told: str = ""
    """What is said when the answer is no table."""
    shown: str = ""
    """The table, where it isn't the action's own."""


def admin(arguments: argparse.Namespace) -> int:
    """`beatloom admin ACTION`."""
    if arguments.action == "dead":
        return asyncio.run(dead_letters(arguments.what, arguments.id, url_of(arguments), as_json=arguments.json))
    if arguments.action == "users" and arguments.what == "create":
        return create_user(arguments)
    return asyncio.run(_ask(arguments, call_of(arguments)))


def url_of(arguments: argparse.Namespace) -> str:
    """Where the stack answers."""
    return arguments.url or DataDir(default_data_dir()).running_at() or DEFAULT_URL


def call_of(arguments: argparse.Namespace) -> Call:
    """The request that stands for a command. Pure. Raises Permanent("bad_request")."""
    name = arguments.action
    return _of_users(arguments) if name == "users" else _CALLS[name](arguments)


_CALLS: dict[str, Callable[[argparse.Namespace], Call]] = {
    "queues": lambda _: Call("GET", "queues"),
    "pool": lambda _: Call("GET", "pool"),
    "drain": lambda a: Call("POST", f"pool/{_quoted(a.server)}/drain", told=f"{a.server} gets no new work"),
    "undrain": lambda a: Call("POST", f"pool/{_quoted(a.server)}/undrain", told=f"{a.server} gets work again"),
    "intake": lambda _: Call("GET", "intake"),
    "pause": lambda a: Call("POST", "intake/pause", {"reason": a.reason, "retry_after": a.retry_after}),
    "resume": lambda _: Call("POST", "intake/resume"),
    "approve": lambda a: Call("POST", f"jobs/{_quoted(a.job)}/approve-budget", {"amount": a.amount}),
    "sweep": lambda _: Call("POST", "sweep"),
    "retention": lambda _: Call("POST", "retention"),
    "figures": lambda a: Call("GET", "figures", query={"days": a.days}),
    "spending": lambda a: Call("GET", "spending", query={"month": a.month, "user": a.user, "by": a.by}),
    "audit": lambda a: Call(
        "GET",
        "audit",
        query={
            "actor": a.actor,
            "subject": a.subject,
            "action": a.of,
            "since": a.since,
            "until": a.until,
            "limit": a.limit,
            "before": a.before,
        },
    ),
}


_ABOUT_A_USER: dict[str, Callable[[argparse.Namespace, str], Call]] = {
    "disable": lambda _, own: Call("PATCH", own, {"enabled": False}),
    "enable": lambda _, own: Call("PATCH", own, {"enabled": True}),
    "role": lambda a, own: Call("PATCH", own, {"role": a.role}),
    "cap": lambda a, own: Call("PATCH", own, {"month_cap": _amount(a.amount)}),
    "logout": lambda a, own: Call("POST", f"{own}/logout", told=f"{a.id} is logged out"),
    "budget": lambda _, own: Call("GET", f"{own}/budget", shown="budget"),
    "approve": lambda a, own: Call("POST", f"{own}/approve-budget", {"amount": a.amount}, shown="budget"),
    "delete": lambda a, own: (
        Call("POST", f"{own}/deletion", {"confirm": a.confirm}, shown="deletion")
        if a.confirm
        else Call("GET", f"{own}/deletion", shown="holdings")
    ),
}


def _of_users(arguments: argparse.Namespace) -> Call:
    if arguments.what == "list":
        return Call("GET", "users", query={"before": arguments.before})
    return _ABOUT_A_USER[arguments.what](arguments, f"users/{_quoted(arguments.id)}")


def _amount(text: str) -> float | None:
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise Permanent("bad_request", f"{text!r} is no amount.", hint="As in 12.50, or none.") from error


def _quoted(text: str) -> str:
    return quote(text, safe="")


async def _ask(arguments: argparse.Namespace, call: Call) -> int:
    query = {name: value for name, value in call.query.items() if value not in ("", None)}
    async with ApiClient(url_of(arguments)) as client:
        answer = await client.request(call.method, f"{ADMIN}/{call.path}", json=call.body, params=query)
    if arguments.json:
        sys.stdout.write(json.dumps(answer) + "\n")
    elif call.told:
        late = isinstance(answer, dict) and answer.get("told") is False
        sys.stdout.write(call.told + (", once the bus is back" if late else "") + "\n")
    else:
        show(call.shown or arguments.action, answer)
    return 0
