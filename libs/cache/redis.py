"""A cache on Redis, or on any server that speaks its protocol."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

ANSWER_S = 1.0
"""A server that takes longer is away: what is in the cache can be had elsewhere."""
AWAY_S = 5.0
"""For so long a server that was away is not asked again, so that an outage costs little time."""
PREFIX = "beatloom:"

Answer = TypeVar("Answer")


class RedisCache:
    """Implements `Cache`. Nothing in it lasts: every key has an expiry, and the server may drop any before that."""

    def __init__(self, url: str) -> None:
        """url: as `open_cache` takes it; connects at the first call. Raises ValueError when it makes no sense."""
        self._client = Redis.from_url(
            url,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 1),  # of the connections that it keeps, some may be dead after a restart
        )
        self._away_until: float | None = None

    async def get(self, key: str) -> bytes | None:
        """As `Cache.get`."""
        if not self._asks():
            return None
        found = await self._answer(self._client.get(PREFIX + key), None)
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """As `Cache.put`."""
        if self._asks():
            await self._answer(self._client.set(PREFIX + key, value, px=_milliseconds(seconds)), None)

    async def count(self, key: str, seconds: float, by: int = 1) -> int:
        """As `Cache.count`."""
        if not self._asks():
            return by
        pipe = self._client.pipeline(transaction=True)
        pipe.set(PREFIX + key, 0, px=_milliseconds(seconds), nx=True)
        pipe.incrby(PREFIX + key, by)
        answers = await self._answer(pipe.execute(), None)
        return int(answers[-1]) if answers else by

    async def drop(self, key: str) -> None:
        """As `Cache.drop`."""
        if self._asks():
            await self._answer(self._client.delete(PREFIX + key), None)

    async def aclose(self) -> None:
        """As `Cache.aclose`."""
        await self._client.aclose()

    def _asks(self) -> bool:
        return self._away_until is None or time.monotonic() >= self._away_until

    async def _answer(self, question: Awaitable[Answer], otherwise: Answer) -> Answer:
        try:
            async with asyncio.timeout(2 * ANSWER_S):
                answer = await question
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            if self._away_until is None:
                log.warning(
                    "the cache is away: what is in it counts as missing", extra={"reason": type(error).__name__}
                )
            self._away_until = time.monotonic() + AWAY_S
            return otherwise
        if self._away_until is not None:
            log.info("the cache is back")
            self._away_until = None
        return answer


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
