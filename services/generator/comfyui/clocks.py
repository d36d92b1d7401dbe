"""When a prompt counts as stalled, and how long one may take at all. Pure. There is no total timeout besides."""

from __future__ import annotations

import math

import msgspec

LEAST_STALL_S = 60.0
GAPS = 5.0
"""Times the usual gap between two steps."""
LOADS = 5.0
"""Times the usual seconds of a load, until the first step: loading shows no progress."""

LEAST_CEILING_S = 3600.0
CEILING = 10.0
"""Times what is expected."""


class StallClock(msgspec.Struct, kw_only=True):
    """Runs while a prompt runs, and starts anew whenever it gets on. It doesn't run while we can't hear."""

    since: float
    """When the prompt was last seen to get on; at first when it began to run."""
    gap: float | None
    """Seconds between steps, as usual for this workflow; None: not known."""
    switch: float = 0.0
    """Seconds that loading its models usually takes; 0 when they are loaded."""
    longest: float = 0.0
    """The longest gap that was seen, the first one left out: what is to be learned when all went well."""
    begun: bool = False
    deaf_since: float | None = None

    @property
    def limit(self) -> float:
        """Seconds without progress after which it counts as stalled."""
        usual = max(LEAST_STALL_S, GAPS * (self.gap or 0.0))
        return usual if self.begun else usual + LOADS * self.switch

    def progressed(self, now: float) -> None:
        """A step, another node, or any other sign that it gets on."""
        self.hears(now)
        if self.begun:
            self.longest = max(self.longest, now - self.since)
        self.since, self.begun = now, True

    def deaf(self, now: float) -> None:
        """Nothing can be heard from its server: silence says nothing."""
        if self.deaf_since is None:
            self.deaf_since = now

    def hears(self, now: float) -> None:
        """The server can be heard again; the time in between doesn't count."""
        if self.deaf_since is not None:
            self.since += now - self.deaf_since
            self.deaf_since = None

    def due(self) -> float:
        """When it will count as stalled if nothing is heard until then; never while deaf."""
        return math.inf if self.deaf_since is not None else self.since + self.limit

    def stalled(self, now: float) -> bool:
        """True when it is to be given up."""
        return now >= self.due()


def ceiling(expected: float, spread: float, switch: float = 0.0) -> float:
    """Seconds after which a prompt that still shows progress is given up: far beyond all that is usual.

    expected: seconds on this server; spread: how far renders usually are from it, as a logarithm.
    """
    return max(LEAST_CEILING_S, CEILING * expected * math.exp(3 * spread)) + LOADS * switch
