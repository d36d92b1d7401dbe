"""What was learned, kept in the cache: it outlives a process, and replicas share it, as far as the cache does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.cache import Cache, get_value, put_value
from services.generator.comfyui.learned import Learned

KEY = "comfyui/learned/1"
"""With a version: raise it when figures mean something else."""
KEPT_S = 30 * 24 * 3600.0
EVERY_S = 60.0


@asynccontextmanager
async def recalled(cache: Cache, *, every_s: float = EVERY_S) -> AsyncIterator[Learned]:
    """The figures, brought together with those of others at the start, at the end, and now and then."""
    learned = Learned()
    await exchange(cache, learned)
    loop = asyncio.create_task(_exchange_for_ever(cache, learned, every_s), name="figures")
    try:
        yield learned
    finally:
        loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loop
        await exchange(cache, learned)


async def exchange(cache: Cache, learned: Learned) -> None:
    """Take over what others know better, then leave all of it for them.

    Of two that do so at once one may be overwritten; it comes again with its next exchange.
    """
    theirs = await get_value(cache, KEY, Learned)
    if theirs is not None:
        learned.take_over(theirs)
    await put_value(cache, KEY, learned, KEPT_S)


async def _exchange_for_ever(cache: Cache, learned: Learned, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await exchange(cache, learned)
