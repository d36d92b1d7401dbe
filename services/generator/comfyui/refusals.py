"""When a server counts as dead: something says at once, again and again, that nobody is there. Pure.

That is a port that refuses, a connection that is ended without an answer (forwarders of ports do so when nobody is
behind them), or a proxy's 502 or 503. A silent network says nothing of the kind: the server may be well behind it.
"""

from __future__ import annotations

import msgspec

REFUSED_S = 10.0
"""A server that refuses for so long has died, and its queue with it: a restart that is quicker is seen as one."""
REFUSALS = 3
"""So often at least."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 2.0


class Refusals(msgspec.Struct, kw_only=True):
    """Answers in a row that say that nobody is there. A network that is silent says nothing of the kind."""

    since: float | None = None
    last: float = 0.0
    count: int = 0

    def refused(self, now: float) -> None:
        """One more."""
        self.since = now if self.since is None else self.since
        self.last = now
        self.count += 1

    def over(self) -> None:
        """The server answered, or nobody did."""
        self.since, self.count = None, 0

    @property
    def dead(self) -> bool:
        """True when it has refused for so long that it must be dead."""
        return self.since is not None and self.count >= REFUSALS and self.last - self.since >= REFUSED_S

    @property
    def pause_s(self) -> float:
        """Until it should be asked again: soon at first, so that a quick restart costs little."""
        return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self.count - 1, 8)))
