"""How often somebody may do something: moving windows by user, or by address where there is none.

Of orders nothing is counted before they are known to be new and sound: the gate looks whether there is room, and
the ledger counts as it opens the job. So what is refused costs no order, and neither does the same order again.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

from limits import RateLimitItem, parse
from litestar import Request, Response

from libs.contracts.errors import Retryable
from libs.runtime.problems import answer_of
from services.ingest.access.callers import LOCAL, Caller
from services.ingest.limits.shared_windows import SharedWindows
from services.ingest.limits.windows import OwnWindows, Room, Windows
from services.ingest.records import NewJob
from services.ingest.settings import IngestSettings

LimitName = Literal["orders", "renders", "reads", "writes", "uploads", "login"]
"""What is counted: orders of whole videos, those of parts of one, requests that read, that write, files that come
in, tries to log in."""

LIMITS: tuple[LimitName, ...] = get_args(LimitName)
COUNTED_LATER: frozenset[LimitName] = frozenset({"orders", "renders"})
"""Counted once a job is opened, not when it is asked for."""


def open_limits(settings: IngestSettings) -> Limits:
    """The limits of the settings. Raises Permanent("bad_setting")."""
    rules = {name: str(getattr(settings, f"limit_{name}")) for name in LIMITS}
    return Limits(rules, redis_url=settings.shared.redis_url)


class RateLimited(Retryable):
    """It was done too often. `policy` and `standing` are the values of RateLimit-Policy and RateLimit."""

    def __init__(self, name: LimitName, rule: RateLimitItem, room: Room) -> None:
        wait = max(math.ceil(room.frees_s), 1)
        told = f"At most {rule.amount} {name} within {rule.get_expiry()} s; the next is let in after {wait} s."
        super().__init__("rate_limited", told, after=wait)
        self.policy = f'"{name}";q={rule.amount};w={rule.get_expiry()}'
        self.standing = f'"{name}";r={room.left};t={wait}'


def told(request: Request[Any, Any, Any], error: RateLimited) -> Response[bytes]:
    """The answer 429, with how long to wait."""
    headers = {"RateLimit-Policy": error.policy, "RateLimit": error.standing, "Retry-After": f"{error.after:.0f}"}
    return answer_of(error, headers)


class Limits:
    """What is counted, and against which rules. Never raises because a server is away.

    rules: by name, as `5/hour` or `20/10 minutes`; 0: none. redis_url: where all replicas count together; empty:
    in this process. Reads each replica counts by itself: asking a server would cost too much of each.
    """

    def __init__(self, rules: Mapping[LimitName, str], *, redis_url: str = "", own: Windows | None = None) -> None:
        self._rules = {name: parse(rule) for name, rule in rules.items() if rule != "0"}
        self._own = own or OwnWindows()
        self._shared = SharedWindows(redis_url, self._own) if redis_url else None

    async def admit(self, caller: Caller, name: LimitName, *, keyed: bool = False) -> None:
        """Let a request in, or raise `RateLimited`. keyed: it has an idempotency key, so it may be an old order."""
        if caller.means == "machine":
            return
        who = address_key(caller.address) if name == "login" else key_of(caller)
        if name not in COUNTED_LATER:
            await self.take(name, who)
            return
        await self.take("writes", who)
        if not keyed and name in self._rules:
            room = await self._windows(name).room(self._rules[name], f"{name}/{who}")
            if not room.left:
                raise RateLimited(name, self._rules[name], room)

    async def order(self, job: NewJob) -> None:
        """Count a job that is about to be opened. Raises `RateLimited`."""
        if job.owner != LOCAL:
            await self.take("orders" if job.kind == "full" else "renders", user_key(job.owner))

    async def take(self, name: LimitName, who: str) -> None:
        """Count one. Raises `RateLimited` when that is one too many, and then counts nothing."""
        rule = self._rules.get(name)
        if rule is None:
            return
        windows, key = self._windows(name), f"{name}/{who}"
        if not await windows.take(rule, key):
            raise RateLimited(name, rule, await windows.room(rule, key))

    async def forget(self, owner: str) -> None:
        """Drop all that is counted of a user."""
        for name, rule in self._rules.items():
            await self._windows(name).forget(rule, f"{name}/{user_key(owner)}")

    def _windows(self, name: LimitName) -> Windows:
        return self._own if self._shared is None or name == "reads" else self._shared

    async def aclose(self) -> None:
        """Close connections."""
        if self._shared is not None:
            await self._shared.aclose()


def key_of(caller: Caller) -> str:
    """By whom is counted: the user; whoever comes without a login, or with a signed address, by where from."""
    return user_key(caller.owner) if caller.means in ("token", "key") else address_key(caller.address)


def user_key(owner: str) -> str:
    """A user, whatever they come with: their keys and logins count together."""
    return f"user/{owner}"


def address_key(address: str) -> str:
    """A network address; of IPv6 the /64, since that much belongs to whoever has one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "address/unknown"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return f"address/{ipaddress.ip_network((found, 64), strict=False).network_address}"
    return f"address/{getattr(found, 'ipv4_mapped', None) or found}"
