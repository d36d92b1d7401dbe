"""Moving windows on a Redis that all replicas share; in this process while it is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from limits import RateLimitItem
from limits.aio.storage.redis import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from libs.contracts.errors import Permanent
from services.ingest.limits.windows import Room, Windows

log = logging.getLogger(__name__)

ANSWER_S = 1.0
"""A server that takes longer is away."""
AWAY_S = 5.0
"""For so long a server that was away is not asked again, so that an outage costs little time."""
PREFIX = "beatloom:limits"

T = TypeVar("T")


class SharedWindows:
    """Implements `Windows`. What this process lets through it counts itself as well, so that a server that goes
    away doesn't begin everybody's windows anew.

    url: as `libs.cache.open_cache` takes it. own: what counts meanwhile. Raises Permanent("bad_setting").
    """

    def __init__(self, url: str, own: Windows, *, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            self._client = Redis.from_url(
                url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, retry=Retry(NoBackoff(), 1)
            )
        except ValueError:  # it is not repeated, since it may hold a password
            raise Permanent("bad_setting", "BEATLOOM_REDIS_URL is not the address of a Redis.") from None
        pool: Any = self._client.connection_pool
        storage = RedisStorage("redis://", implementation="redispy", key_prefix=PREFIX, connection_pool=pool)
        self._shared = MovingWindowRateLimiter(storage)
        self._own = own
        self._clock = clock
        self._away_until: float | None = None

    async def take(self, rule: RateLimitItem, key: str) -> bool:
        """As `Windows.take`."""
        let = await self._asked(lambda: self._shared.hit(rule, key))
        if let is None:
            return await self._own.take(rule, key)
        if let:
            await self._own.take(rule, key)
        return let

    async def room(self, rule: RateLimitItem, key: str) -> Room:
        """As `Windows.room`."""
        found = await self._asked(lambda: self._shared.get_window_stats(rule, key))
        if found is None:
            return await self._own.room(rule, key)
        used = found.remaining < rule.amount
        return Room(max(found.remaining, 0), max(found.reset_time - time.time(), 0.0) if used else 0.0)

    async def forget(self, rule: RateLimitItem, key: str) -> None:
        """As `Windows.forget`; while the server is away, its counts stay until they are old."""
        await self._own.forget(rule, key)
        await self._asked(lambda: self._shared.clear(rule, key))

    async def aclose(self) -> None:
        """Close connections. Use it no more."""
        await self._client.aclose()

    async def _asked(self, question: Callable[[], Awaitable[T]]) -> T | None:
        """The server's answer; None while it is away."""
        if self._away_until is not None and self._clock() < self._away_until:
            return None
        try:
            async with asyncio.timeout(2 * ANSWER_S):
                answer = await question()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            if self._away_until is None:
                reason = {"reason": type(error).__name__}
                log.warning("the counters of limits are away: each process counts by itself", extra=reason)
            self._away_until = self._clock() + AWAY_S
            return None
        if self._away_until is not None:
            log.info("the counters of limits are back")
            self._away_until = None
        return answer
