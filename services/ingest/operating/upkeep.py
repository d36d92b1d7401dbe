"""The sweeper's work, done now: lost tasks published again, what nobody needs removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

SOON_S = 20.0
"""How long a request waits for the end; the work goes on without it."""


class Upkept(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    state: Literal["done", "running"]
    """`running`: it goes on; ask again for its end."""
    count: int | None
    """Tasks published again, or things removed; null: it is not known yet."""


class Upkeep:
    """One kind of work, of which no two run at once. work: returns how many it was about."""

    def __init__(self, work: Callable[[], Awaitable[int]]) -> None:
        self._work = work
        self._running: asyncio.Task[int] | None = None

    async def now(self) -> Upkept:
        """Begin it, or join the one that runs. Raises what the work raises, if that is soon."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._begin(), name="upkeep")
        done, _ = await asyncio.wait((self._running,), timeout=SOON_S)
        if not done:
            return Upkept(state="running", count=None)
        return Upkept(state="done", count=self._running.result())

    async def close(self) -> None:
        """End what runs."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _begin(self) -> int:
        return await self._work()
