"""When a failed task is tried again: a rule for each kind, pure functions of what went wrong so far."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from libs.contracts.facts import TaskAttemptFailed

TRIES = 3
WAITS = (2.0, 4.0)
"""Seconds before the second and the third try."""
JITTER = 0.25
"""The largest share by which a wait is longer, so that what failed together doesn't return together."""
MAX_WAIT = 900.0
"""Seconds: the longest wait that an error may ask for."""


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong since the task was first ordered, or ordered anew."""

    last: TaskAttemptFailed
    tries: int
    """Failed tries that count, the last one included."""
    elapsed: float
    """Seconds since the first of them was ordered."""
    chance: float
    """0..1, seeded by the last try."""


Rule = Callable[[Failures], float | None]
"""Seconds before the next try, or None: there is none. Only asked for failures that can be tried again."""


def general(failures: Failures) -> float | None:
    """Three tries, waits of 2 and 4 s, or what the cause asks for."""
    if failures.tries >= TRIES:
        return None
    if failures.last.retry_after is not None:
        return min(max(failures.last.retry_after, 0.0), MAX_WAIT)
    return WAITS[failures.tries - 1] * (1 + JITTER * failures.chance)
