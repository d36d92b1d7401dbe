"""Slots: how generators that share servers keep to one prompt running and one queued ahead on each.

A slot is a record in the bus's bucket that its holder renews. The holder's death frees it after a while, or at once
for whoever goes on with the same work. A generator that only slept, and finds its slot with another one, leaves it
alone.
"""

from __future__ import annotations

from uuid import uuid4

import msgspec

from libs.bus.connection import Bus
from libs.bus.records import Held, Outrun, Records

SLOTS = 2
"""Prompts of ours on a server: one runs, one is queued ahead."""
LIFETIME_S = 180.0
RENEW_S = 45.0


class Slot(msgspec.Struct, frozen=True):
    """Who holds it."""

    work: str
    holder: str = ""
    """The generator."""


class Slots:
    """The slots of all servers, for one generator. Every call raises Retryable("bus_unavailable")."""

    def __init__(self, bus: Bus) -> None:
        self._holder = uuid4().hex
        self._records = Records(bus, "slot", Slot, lifetime_s=LIFETIME_S)

    async def take(self, server: str, work: str) -> bool:
        """Hold a slot of the server for this work, whichever generator had it before. False: all are others'."""
        for name in _names(server):
            held = await self._records.read(name)
            if held is not None and held.value.work == work:
                return await self._written(name, work, held)
        return await self._take_free(server, work)

    async def keep(self, server: str, work: str) -> bool:
        """Hold for longer what was taken. False: another generator has taken the work up, or all are others'."""
        for name in _names(server):
            held = await self._records.read(name)
            if held is not None and held.value.work == work:
                return held.value.holder == self._holder and await self._written(name, work, held)
        return await self._take_free(server, work)

    async def lost(self, server: str, work: str) -> bool:
        """Whether another generator has taken the work up."""
        held = [await self._records.read(name) for name in _names(server)]
        return any(one.value.work == work and one.value.holder != self._holder for one in held if one is not None)

    async def _take_free(self, server: str, work: str) -> bool:
        for name in _names(server):
            if await self._records.read(name) is None and await self._written(name, work, None):
                return True
        return False

    async def taken(self, server: str) -> tuple[str, ...]:
        """The works that hold slots of the server."""
        held = [await self._records.read(name) for name in _names(server)]
        return tuple(one.value.work for one in held if one is not None)

    async def free(self, server: str, work: str) -> None:
        """Give it back, if we hold it for this work."""
        for name in _names(server):
            held = await self._records.read(name)
            if held is not None and held.value == Slot(work, self._holder):
                try:
                    await self._records.remove(name, held)
                except Outrun:
                    continue

    async def _written(self, name: str, work: str, over: Held[Slot] | None) -> bool:
        try:
            await self._records.write(name, Slot(work, self._holder), over)
        except Outrun:
            return False
        return True


def _names(server: str) -> tuple[str, ...]:
    return tuple(f"{server}#{number}" for number in range(SLOTS))
