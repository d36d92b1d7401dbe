"""A machine without logins answers its own programs and pages alone.

Whoever can reach it may do everything, and a browser can reach it: for any page that a musician opens, also by a
name of the page's own that leads to this machine. Both show in what the browser sends along.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address

from libs.contracts.errors import Permanent
from libs.runtime.cors import ANY

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\[\]:/@\s]*))(?::[0-9]{0,5})?")
_HOST_OF_ORIGIN = re.compile(r"https?://(\S+)")


def is_loopback(host: str) -> bool:
    """Whether an address or a name is this machine's own, which no other machine reaches."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=256)
def names_this_machine(host: str) -> bool:
    """Whether a Host header is a loopback name, with any port."""
    found = _HOST.fullmatch(host.lower())
    return found is not None and is_loopback(found[1] or found[2])


def refuse_foreign(host: str, origin: str | None, allowed: Collection[str]) -> None:
    """Return for a request of a program of this machine, of a page of the API's own, or of an allowed origin.

    origin: as the browser names the page; None for a program. Raises Permanent("foreign_origin").
    """
    if not names_this_machine(host):
        raise Permanent("foreign_origin", "The request is not addressed to this machine by a name of its own.")
    if origin is None or origin in allowed or ANY in allowed:
        return
    page = _HOST_OF_ORIGIN.fullmatch(origin)
    if page is None or page[1].lower() != host.lower():
        raise Permanent("foreign_origin", "The request comes from a page of another origin.")
