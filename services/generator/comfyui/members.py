"""Which servers belong to the pool: a list, names whose addresses DNS tells, or both."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from services.generator.comfyui.address import Address

DNS = "dns+"
"""Before an address: every address of the name is a server, as behind a headless service."""

log = logging.getLogger(__name__)


class Members:
    """The servers of a list such as `http://a:8188,dns+http://comfyui-headless:8188`.

    Raises ValueError for what is no address.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._fixed: set[Address] = set()
        self._names: set[Address] = set()
        for entry in filter(None, (entry.strip() for entry in entries)):
            if entry.startswith(DNS):
                self._names.add(Address(entry.removeprefix(DNS)))
            else:
                self._fixed.add(Address(entry))

    async def addresses(self) -> frozenset[Address] | None:
        """Who belongs to it now. None when a name can't be looked up: then nothing is known to have changed.

        A name that there isn't (any more) has no servers.
        """
        found = set(self._fixed)
        for name in self._names:
            try:
                found |= await _behind(name)
            except OSError as error:
                log.warning("%s can't be looked up: %s", name.name, error)
                return None
        return frozenset(found)


async def _behind(name: Address) -> set[Address]:
    parts = urlsplit(name.url)
    port = parts.port or (443 if name.secure else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_NONAME:
            return set()
        raise
    before = parts.netloc.rpartition("@")[0]
    login = f"{before}@" if before else ""
    return {Address(f"{parts.scheme}://{login}{_host(where[0])}:{port}") for *_, where in found}


def _host(address: object) -> str:
    text = str(address)
    return f"[{text}]" if ":" in text else text
