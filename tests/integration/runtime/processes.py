"""Looks at real processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

SOON_S = 20.0
ROOT = Path(__file__).resolve().parents[3]


def runs(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition: Callable[[], bool]) -> None:
    """Return when it holds. Raises TimeoutError."""
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110  (processes set no events)
            await asyncio.sleep(0.01)
