"""Waiting for something to become true."""

import asyncio
from collections.abc import Awaitable, Callable

SOON_S = 15.0
STEP_S = 0.02


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return once `holds` answers True; fail when that takes too long."""
    async with asyncio.timeout(SOON_S):
        while not await holds():  # noqa: ASYNC110  (what is waited for is in another process, or in a file)
            await asyncio.sleep(STEP_S)
