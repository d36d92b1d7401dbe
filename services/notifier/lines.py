"""A line for each host, so that a slow receiver holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.contracts.errors import Retryable

COME_BACK_S = 10.0
"""When a webhook that found its host's line full is brought again."""


class Lines:
    """at_once: webhooks that one host gets at a time. waiting: those that may wait for it here; more go back to
    the ledger, so that one host never has all places of this process."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._at_once = at_once
        self._longest = at_once + waiting
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for the host's turn. Raises Retryable("receiver_busy") when too many wait already."""
        line = self._lines.setdefault(host, _Line(self._at_once))
        if line.length >= self._longest:
            raise Retryable("receiver_busy", after=COME_BACK_S)
        line.length += 1
        try:
            async with line.room:
                yield
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[host]


class _Line:
    def __init__(self, at_once: int) -> None:
        self.room = asyncio.Semaphore(at_once)
        self.length = 0
