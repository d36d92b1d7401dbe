"""Where a call may go: the addresses of a URL's host, resolved once and all of them checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import NamedTuple

from libs.contracts.errors import Retryable
from libs.outbound.urls import (
    CheckedUrl,
    IPAddress,
    Purpose,
    check_url,
    is_allowed,
    is_public,
    not_allowed,
    parse_address,
)

Resolver = Callable[[str, int], Awaitable[Iterable[str]]]
"""From a host's name and a port to the texts of its addresses. Raises OSError or UnicodeError."""


class Target(NamedTuple):
    """A checked URL and the addresses that may be connected to, in the resolver's order."""

    url: CheckedUrl
    addresses: tuple[IPAddress, ...]


async def system_resolver(host: str, port: int) -> Iterable[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def resolve_target(
    url: str, allow: Collection[str], purpose: Purpose, *, resolver: Resolver = system_resolver
) -> Target:
    """The target of a URL.

    One address that is not public refuses the name, since a name that points both outside and inside is how
    requests are smuggled in. Raises Permanent(purpose.refused), or Retryable(purpose.failed) when the name has
    no address now.
    """
    checked = check_url(url, allow, purpose)
    if checked.address is not None:
        return Target(checked, (checked.address,))
    try:
        texts = dict.fromkeys(await resolver(checked.host, checked.port))
    except (OSError, UnicodeError) as error:
        raise Retryable(purpose.failed, f"The host of the {purpose.noun} can't be resolved.") from error
    addresses = tuple(address for text in texts if (address := parse_address(text)) is not None)
    if not addresses or len(addresses) != len(texts):
        raise not_allowed(purpose, "its host has no usable address")
    for address in addresses:
        if not is_public(address) and not is_allowed(checked.host, address, allow):
            raise not_allowed(purpose, "its host is private")
    return Target(checked, addresses)
