"""Which servers an operator wants left alone, as the bus's bucket says it. Looked up every other second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from libs.bus.drains import Drains
from libs.contracts.errors import Retryable

EVERY_S = 2.0

log = logging.getLogger(__name__)


class Draining:
    """on_change: called when others are drained than before."""

    def __init__(self, drains: Drains, on_change: Callable[[], None]) -> None:
        self.names: frozenset[str] = frozenset()
        """Host and port of each, as it was known last. While the bus is away nothing can be sent to any server."""
        self._drains = drains
        self._on_change = on_change

    async def look(self) -> None:
        """Look it up now, if the bus is there."""
        try:
            names = await self._drains.read()
        except Retryable as error:
            log.warning("which servers are drained can't be read: %s", error)
            return
        if names != self.names:
            log.info("drained servers: %s", ", ".join(sorted(names)) or "none")
            self.names = names
            self._on_change()

    async def follow(self) -> None:
        """Look it up for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look()
            except Exception:  # whatever it is: the next look may go well
                log.exception("which servers are drained can't be read")
