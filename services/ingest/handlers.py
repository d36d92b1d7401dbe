"""What ingest does on each message, and the loops that keep it going."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from libs.bus.advisories import AdvisoryConsumer
from libs.bus.connection import Bus
from libs.bus.facts import FactConsumer
from libs.contracts.errors import Permanent
from services.ingest.ledger import Ledger
from services.ingest.operating.draining import Draining
from services.ingest.outbox import Outbox
from services.ingest.sweeper import Sweeper


class Loops:
    """Everything of ingest that runs besides HTTP: facts in, messages out, the sweep, which servers are drained.

    others: more that runs for ever, by name.
    """

    def __init__(
        self,
        bus: Bus,
        ledger: Ledger,
        outbox: Outbox,
        sweeper: Sweeper,
        draining: Draining,
        **others: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        self._facts = FactConsumer(bus, ledger.apply)
        self._advisories = AdvisoryConsumer(bus)
        self._endless: dict[str, Callable[[], Coroutine[None, None, None]]] = {
            "outbox": outbox.run,
            "sweeper": sweeper.run,
            "draining": draining.run,
            **others,
        }
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Start all. The outbox first: what was committed before a crash goes out at once."""
        self._tasks = {name: asyncio.create_task(run(), name=name) for name, run in self._endless.items()}
        await self._facts.start()
        await self._advisories.start()

    async def stop(self) -> None:
        """Stop taking facts, finish the one in work, then stop the rest. What is in the outbox stays there."""
        await asyncio.gather(self._facts.stop(), self._advisories.stop())
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def check(self) -> None:
        """Raises when one of them has died."""
        await self._facts.check()
        await self._advisories.check()
        for name, task in self._tasks.items():
            if task.done() and not task.cancelled():
                raise Permanent("unexpected", f"The {name} has died.") from task.exception()
