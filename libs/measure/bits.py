"""How many bits each second of a stream takes. Pure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple


class BitRate(NamedTuple):
    """Megabits a second: the mean, and the second that takes most."""

    mean: float
    peak: float
    at: float
    """When that second begins."""


class BitMeter:
    """Counts the bytes of packets by the whole second in which they are shown or heard."""

    def __init__(self) -> None:
        self._bytes: Counter[int] = Counter()

    def add(self, seconds: float, size: int) -> None:
        """A packet of `size` bytes at this time."""
        self._bytes[int(seconds // 1)] += size

    def rate(self, duration: float) -> BitRate | None:
        """The rate over `duration` seconds; None without packets."""
        if not self._bytes or duration <= 0:
            return None
        at, most = max(self._bytes.items(), key=lambda item: (item[1], -item[0]))
        return BitRate(self._bytes.total() * 8e-6 / duration, most * 8e-6, float(at))

    def then(self, later: BitMeter) -> BitMeter:
        """These and those of a later part of the same stream."""
        both = BitMeter()
        both._bytes = self._bytes + later._bytes
        return both
