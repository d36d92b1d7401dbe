"""Whether a server is given work: taken out after failures, let in again by a canary, recycled now and then. Pure.

working ── three failures in five minutes ──▶ out ── after a while ──▶ canary ── well ──▶ working
   │                                           ▲                        │  ▲
   └── enough prompts, or too much memory      └──────── badly ─────────┘  │
             ▼                                                             │
         draining ── nothing on it ──▶ freeing ── its memory is free ──────┘
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

FAILURES = 3
WITHIN_S = 300.0
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 300.0
"""Before a canary is sent; doubled after each that dies."""
LEAST_PROMPTS = 10
"""Between two recyclings for memory."""
ANSWER_S = 300.0
"""A step that nobody has answered for so long has failed."""


class State(StrEnum):
    """Of a server. Only a working one is given clips."""

    WORKING = "working"
    DRAINING = "draining"
    FREEING = "freeing"
    CANARY = "canary"
    OUT = "out"


class Step(StrEnum):
    """What is to be done with a server."""

    FREE = "free"
    """Have it unload its models and free its memory, then call `freed`."""
    CANARY = "canary"
    """Have it run a small prompt, then call `canaried`."""


class Breaker(msgspec.Struct, kw_only=True):
    """One server's standing."""

    recycle_after: int = 200
    """Prompts from one recycling to the next; 0: any number."""
    memory_limit: float = 0.95
    """The share of its main memory that may be in use."""
    state: State = State.WORKING
    since: float = 0.0
    """When it came into this state."""
    prompts: int = 0
    """Since its memory was last freed."""
    pause: float = FIRST_PAUSE_S
    failures: list[float] = msgspec.field(default_factory=list)

    def failed(self, now: float) -> None:
        """An infrastructure failure: it crashed, couldn't be reached, lost a prompt."""
        self.failures = [when for when in self.failures if now - when < WITHIN_S] + [now]
        if self.state in (State.WORKING, State.DRAINING) and len(self.failures) >= FAILURES:
            self._enter(State.OUT, now)

    def ended(self, now: float, memory: float = 0.0) -> None:
        """A prompt ended, in whatever way. memory: the share of main memory in use, if known."""
        self.prompts += 1
        worn = 0 < self.recycle_after <= self.prompts or (
            memory > self.memory_limit and self.prompts >= LEAST_PROMPTS
        )
        if self.state is State.WORKING and worn:
            self._enter(State.DRAINING, now)

    def next(self, now: float, *, idle: bool) -> Step | None:
        """What is to be done now, if anything; it counts as begun. idle: nothing of anybody's is on the server.

        Both steps wait for that: who keeps the server busy uses it, and a canary behind others' prompts is slow.
        """
        if self.state in (State.FREEING, State.CANARY) and now - self.since >= ANSWER_S:
            self._out_again(now)
        if self.state is State.DRAINING and idle:
            self._enter(State.FREEING, now)
            return Step.FREE
        if self.state is State.OUT and idle and now - self.since >= self.pause:
            self._enter(State.CANARY, now)
            return Step.CANARY
        return None

    def freed(self, now: float, *, well: bool) -> Step | None:
        """How freeing went. Returns what comes next. Ignored when it comes too late."""
        if self.state is not State.FREEING:
            return None
        if not well:
            self._out_again(now)
            return None
        self.prompts = 0
        self._enter(State.CANARY, now)
        return Step.CANARY

    def canaried(self, now: float, *, well: bool) -> None:
        """How the canary went. Ignored when it comes too late."""
        if self.state is not State.CANARY:
            return
        if not well:
            self._out_again(now)
            return
        self.failures, self.pause = [], FIRST_PAUSE_S
        self._enter(State.WORKING, now)

    def put_off(self, now: float) -> None:
        """What was begun could not be tried, for no fault of the server's: it is, after the same pause."""
        if self.state in (State.FREEING, State.CANARY):
            self._enter(State.OUT, now)

    def _out_again(self, now: float) -> None:
        self.pause = min(LONGEST_PAUSE_S, 2 * self.pause)
        self._enter(State.OUT, now)

    def _enter(self, state: State, now: float) -> None:
        self.state, self.since = state, now
