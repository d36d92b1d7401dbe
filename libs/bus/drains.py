"""Which GPU servers get no new work: one record in the workers' bucket, written by ingest, read by generators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from libs.bus.connection import Bus
from libs.bus.records import Outrun, Records
from libs.contracts.pool import Drained

LIFETIME_S = 30 * 86400.0
"""Ingest writes it again each day; so it goes only where ingest is gone."""
_NAME = "servers"
_TRIES = 5


class Drains:
    """The record. Each call raises Retryable("bus_unavailable") while the bus is away."""

    def __init__(self, bus: Bus) -> None:
        self._records = Records(bus, "drained", Drained, lifetime_s=LIFETIME_S)

    async def read(self) -> frozenset[str]:
        """Host and port of each that is drained."""
        held = await self._records.read(_NAME)
        return frozenset(held.value.servers) if held is not None else frozenset()

    async def write(self, wanted: Callable[[], Awaitable[frozenset[str]]]) -> None:
        """Put down what `wanted` returns. It is asked after the record was read, and again when somebody else has
        written meanwhile: so what was wanted last is what stands. Raises Outrun when that never ends."""
        for tried in range(1, _TRIES + 1):
            held = await self._records.read(_NAME)
            value = Drained(servers=tuple(sorted(await wanted())))
            try:
                await self._records.write(_NAME, value, held)
            except Outrun:
                if tried == _TRIES:
                    raise
            else:
                return
