"""Which servers belong to the pool: a list, names whose addresses DNS tells, or both."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from services.generator.comfyui.address import Address

DNS = "dns+"
"""Before an address: every address of the name is a server, as behind a headless service."""
GONE_S = 60.0
"""For so long a name that is told to be unknown keeps its servers: a resolver that was just started says so too."""
ANSWER_S = 20.0
"""A resolver that takes longer has failed."""
_NOTHING = (socket.EAI_NONAME, socket.EAI_NODATA)

log = logging.getLogger(__name__)


class Members:
    """The servers of a list such as `http://a:8188,dns+http://comfyui-headless:8188`.

    Raises ValueError for what is no address.
    """

    def __init__(self, entries: Iterable[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fixed: set[Address] = set()
        self._names: dict[Address, _Name] = {}
        for entry in filter(None, (entry.strip() for entry in entries)):
            if entry.startswith(DNS):
                name = Address(entry.removeprefix(DNS))
                self._names[name] = _Name(name, clock)
            else:
                self._fixed.add(Address(entry))

    async def addresses(self) -> frozenset[Address]:
        """Who belongs to it now, as far as known: one for each host and port, as the list has it if it does.

        A name that can't be looked up keeps the servers that it had.
        """
        behind = await asyncio.gather(*(name.addresses() for name in self._names.values()))
        found = {address.name: address for each in behind for address in sorted(each, key=_url)}
        return frozenset((found | {address.name: address for address in sorted(self._fixed, key=_url)}).values())

    @property
    def certain(self) -> bool:
        """Whether each name could be looked up at some time."""
        return all(name.certain for name in self._names.values())


class _Name:
    """What is known of a name."""

    def __init__(self, name: Address, clock: Callable[[], float]) -> None:
        self.certain = False
        self._name = name
        self._clock = clock
        self._found: frozenset[Address] = frozenset()
        self._nothing_since: float | None = None

    async def addresses(self) -> frozenset[Address]:
        """As it is now, or was when it could be looked up last."""
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await _behind(self._name)
        except OSError as error:  # TimeoutError is one
            log.warning("%s can't be looked up: %s", self._name.name, error or "no answer")
            return self._found
        if found:
            self._nothing_since = None
        else:
            now = self._clock()
            self._nothing_since = now if self._nothing_since is None else self._nothing_since
            if now - self._nothing_since < GONE_S:
                return self._found
        self._found, self.certain = found, True
        return found


async def _behind(name: Address) -> frozenset[Address]:
    """What its name stands for; nothing when there is no such name. Raises OSError when nobody can tell."""
    parts = urlsplit(name.url)
    port = parts.port or (443 if name.secure else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _NOTHING:
            return frozenset()
        raise
    before = parts.netloc.rpartition("@")[0]
    login = f"{before}@" if before else ""
    return frozenset(Address(f"{parts.scheme}://{login}{_host(where[0])}:{port}") for *_, where in found)


def _host(address: object) -> str:
    text = str(address)
    return f"[{text}]" if ":" in text else text


def _url(address: Address) -> str:
    return address.url
