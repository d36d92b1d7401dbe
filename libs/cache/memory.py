"""A cache in this process, for one machine."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_BYTES = 64 * (1 << 20)
OVERHEAD = 256
"""What an entry costs besides its value, about."""


class MemoryCache:
    """Keeps the last used, up to a size. Not thread-safe. Implements `Cache`."""

    def __init__(self, *, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that only grow."""
        self._entries: OrderedDict[str, tuple[bytes | int, float]] = OrderedDict()
        self._size = 0
        self._most = most_bytes
        self._clock = clock

    async def get(self, key: str) -> bytes | None:
        """As `Cache.get`."""
        value, _ = self._live(key)
        if value is None:
            return None
        self._entries.move_to_end(key)
        return value if isinstance(value, bytes) else str(value).encode()

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """As `Cache.put`. What is larger than the whole cache is not kept."""
        self._set(key, value, self._clock() + seconds)

    async def count(self, key: str, seconds: float, by: int = 1) -> int:
        """As `Cache.count`."""
        value, until = self._live(key)
        total = (value if isinstance(value, int) else 0) + by
        self._set(key, total, until if isinstance(value, int) else self._clock() + seconds)
        return total

    async def drop(self, key: str) -> None:
        """As `Cache.drop`."""
        found = self._entries.pop(key, None)
        if found:
            self._size -= _size(key, found[0])

    async def aclose(self) -> None:
        """Nothing is open."""

    def _live(self, key: str) -> tuple[bytes | int | None, float]:
        value, until = self._entries.get(key, (None, 0.0))
        return (value, until) if value is not None and self._clock() < until else (None, 0.0)

    def _set(self, key: str, value: bytes | int, until: float) -> None:
        old = self._entries.pop(key, None)
        if old:
            self._size -= _size(key, old[0])
        self._entries[key] = value, until
        self._size += _size(key, value)
        while self._size > self._most:
            gone, (lost, _) = self._entries.popitem(last=False)
            self._size -= _size(gone, lost)


def _size(key: str, value: bytes | int) -> int:
    return OVERHEAD + len(key) + (len(value) if isinstance(value, bytes) else 0)
