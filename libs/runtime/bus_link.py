"""A service's connection to the bus, and whether it holds."""

from __future__ import annotations

from types import TracebackType

from libs.bus.connection import Bus
from libs.contracts.errors import Retryable
from libs.runtime.settings import Shared
from libs.telemetry.metrics import BusMetrics


class BusLink:
    """The bus, connected and with its topology made for as long as the block lasts."""

    def __init__(self, name: str, shared: Shared, metrics: BusMetrics) -> None:
        self._name = name
        self._shared = shared
        self._metrics = metrics
        self._bus: Bus | None = None

    async def __aenter__(self) -> Bus:
        """Raises Retryable("bus_unavailable")."""
        shared = self._shared
        bus = await Bus.connect(
            shared.nats_url,
            shared.nats_token,
            name=self._name,
            ack_wait_s=shared.ack_wait_s,
            metrics=self._metrics,
        )
        try:
            await bus.ensure_topology()
        except BaseException:
            await bus.close()
            raise
        self._bus = bus
        return bus

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            await bus.close()

    async def check(self) -> None:
        """Raises Retryable("bus_unavailable") while the bus is not there."""
        if self._bus is None:
            raise Retryable("bus_unavailable", "The bus is not connected yet.")
        await self._bus.check()
