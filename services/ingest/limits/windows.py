"""Moving windows: how often something was done within the last so many seconds. In this process."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from limits import RateLimitItem

MOST_KEYS = 20_000
"""Keys that are counted at once; of more, those that were used longest ago are forgotten."""


class Room(NamedTuple):
    """What a window still lets through."""

    left: int
    frees_s: float
    """Seconds until the oldest of those counted leaves the window; 0 when there is none."""


class Windows(Protocol):
    """Counts by key. Two that come at once are both counted, whoever comes first."""

    async def take(self, rule: RateLimitItem, key: str) -> bool:
        """Count one more; False, and nothing is counted, when the window is full."""
        ...

    async def room(self, rule: RateLimitItem, key: str) -> Room:
        """What is left, without counting."""
        ...

    async def forget(self, rule: RateLimitItem, key: str) -> None:
        """Count from nothing again."""
        ...


class OwnWindows:
    """Implements `Windows` for this process alone. Not thread-safe: it is used on the event loop.

    The storage of the package `limits` that is for this starts a task and a thread at nearly every count, to
    forget what is old; here that is forgotten where it is looked at.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, most: int = MOST_KEYS) -> None:
        """clock: seconds that only grow."""
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._clock = clock
        self._most = most

    async def take(self, rule: RateLimitItem, key: str) -> bool:
        """As `Windows.take`."""
        times = self._within(rule, key)
        if len(times) >= rule.amount:
            return False
        times.append(self._clock())
        self._times[key] = times
        self._times.move_to_end(key)
        if len(self._times) > self._most:
            self._times.popitem(last=False)
        return True

    async def room(self, rule: RateLimitItem, key: str) -> Room:
        """As `Windows.room`."""
        times = self._within(rule, key)
        left = max(rule.amount - len(times), 0)
        return Room(left, times[0] + rule.get_expiry() - self._clock() if times else 0.0)

    async def forget(self, rule: RateLimitItem, key: str) -> None:
        """As `Windows.forget`."""
        self._times.pop(key, None)

    def _within(self, rule: RateLimitItem, key: str) -> deque[float]:
        times = self._times.get(key)
        if times is None:
            return deque()
        since = self._clock() - rule.get_expiry()
        while times and times[0] <= since:
            times.popleft()
        return times
