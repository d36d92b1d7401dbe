"""Waiting for what happens elsewhere: in other processes, in files, on servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

SOON_S = 20.0
_STEP_S = 0.01


async def until(holds: Callable[[], bool] | Callable[[], Awaitable[bool]], *, seconds: float = SOON_S) -> None:
    """Return once `holds` answers True, whether at once or awaited; fail when that takes too long."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                answer = holds()
                if await answer if isinstance(answer, Awaitable) else answer:
                    return
                await asyncio.sleep(_STEP_S)
    except TimeoutError as error:
        raise AssertionError(f"it did not happen within {seconds:g} s") from error


def wait_until(happened: Callable[[], bool], *, seconds: float, what: str) -> None:
    """The same without a loop; fail with `what`."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(_STEP_S)
