"""When a webhook is sent again: 10 tries within 24 hours. Pure."""

from __future__ import annotations

from itertools import accumulate

from services.ingest.rules import Failures

MINUTE_S, HOUR_S = 60.0, 3600.0
WAITS = (5.0, 30.0, 2 * MINUTE_S, 10 * MINUTE_S, 30 * MINUTE_S, 1.5 * HOUR_S, 3.5 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S)
"""Seconds before the second to the tenth try: 23.7 hours in all."""
TRIES = len(WAITS) + 1
LONGEST_S = 24 * HOUR_S
JITTER = 0.2
"""The largest share by which a wait is shorter."""
NOT_THERE = 404
NOT_THERE_FOR_S = HOUR_S
"""How long an address that is not there may yet come: a flow that is being deployed."""
BUSY = "receiver_busy"
"""Not tried at all: the receiver's line was full. Such a try doesn't count."""

assert list(accumulate(WAITS))[-1] <= LONGEST_S


def again(failures: Failures) -> float | None:
    """Seconds before the next try; None: the webhook is given up. Never sooner than Retry-After asks."""
    last = failures.last
    asked = max(last.retry_after or 0.0, 0.0)
    if failures.elapsed >= LONGEST_S:
        return None
    if last.code == BUSY:
        return asked * (1 + failures.chance)
    if failures.tries >= TRIES:
        return None
    wait = max(WAITS[failures.tries - 1] * (1 - JITTER * failures.chance), asked)
    if last.status != NOT_THERE:
        return wait
    left = NOT_THERE_FOR_S - failures.elapsed
    return min(wait, max(left, asked)) if left > 0 else None
