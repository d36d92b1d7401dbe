"""Where a webhook may go: the addresses of its host, resolved once and all of them checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from typing import NamedTuple

from libs.contracts.errors import Permanent, Retryable
from libs.contracts.urls import CallbackUrl, IPAddress, check_callback_url, is_allowed, is_public, parse_address


class Target(NamedTuple):
    """A checked URL and the addresses that may be connected to, in the resolver's order."""

    url: CallbackUrl
    addresses: tuple[IPAddress, ...]


async def resolve_target(url: str, allow: Collection[str]) -> Target:
    """The target of a callback URL.

    One address that is not public refuses the name, since a name that points both outside and inside is how
    requests are smuggled in. Raises Permanent("bad_callback_url"), or Retryable("delivery_failed") when the
    name has no address now.
    """
    checked = check_callback_url(url, allow)
    if checked.address is not None:
        return Target(checked, (checked.address,))
    addresses = await _addresses(checked)
    for address in addresses:
        if not is_public(address) and not is_allowed(checked.host, address, allow):
            raise Permanent("bad_callback_url", "The callback URL is not allowed: its host is private.")
    return Target(checked, addresses)


async def _addresses(url: CallbackUrl) -> tuple[IPAddress, ...]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Retryable("delivery_failed", "The callback's host can't be resolved.") from error
    texts = dict.fromkeys(str(entry[4][0]) for entry in found)
    addresses = tuple(address for text in texts if (address := parse_address(text)) is not None)
    if not addresses or len(addresses) != len(texts):
        raise Permanent("bad_callback_url", "The callback URL is not allowed: its host has no usable address.")
    return addresses
