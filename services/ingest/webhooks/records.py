"""What the ledger keeps of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

import msgspec

Event = Literal[
    "job_completed", "job_failed", "job_cancelled", "budget_warning", "budget_paused", "output_expiring"
]
EVENTS: tuple[Event, ...] = get_args(Event)

Status = Literal["pending", "delivered", "failed", "dropped"]
"""Of a delivery. `dropped`: its endpoint was switched off or deleted before it was taken."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of a run's end: all that a try needs."""

    task: str
    """The key of the task that tells: `notify` of the callback, `notify.settings`, `notify.<endpoint id>`."""
    webhook_id: str
    """The same over all tries."""
    url: str
    strict: bool = False
    run_id: str = ""
    """What the client calls the run."""
    secret: str = ""
    """Sealed; empty: that of the notifier's settings."""
    old_secret: str = ""
    old_until: datetime | None = None
    """Until then the old secret signs too."""

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """The sealed secrets that sign at a moment."""
        old = self.old_secret and self.old_until is not None and now < self.old_until
        return tuple(secret for secret in (self.secret, self.old_secret if old else "") if secret)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint that the settings name: it is told of everything."""

    url: str
    strict: bool = False


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint that a user has registered; its secret is not part of it."""

    id: str
    url: str
    description: str
    events: tuple[Event, ...]
    strict: bool
    active: bool
    old_until: datetime | None
    """Until then the secret before the last rotation signs too."""
    created_at: datetime
    updated_at: datetime


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a delivery."""

    attempt: Annotated[int, msgspec.Meta(description="Counts up; a number may be left out.")]
    at: Annotated[datetime, msgspec.Meta(description="When it ended.")]
    seconds: Annotated[float, msgspec.Meta(description="How long it took.")]
    status: Annotated[int | None, msgspec.Meta(description="HTTP status of the answer; null without one.")]
    code: Annotated[str | None, msgspec.Meta(description="What went wrong; null: the webhook was taken.")]
    message: str
    answer: Annotated[str, msgspec.Meta(description="The beginning of the answer's body, 4 KB at most.")]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook on its way, or what became of it."""

    id: str
    endpoint_id: str | None
    job_id: str | None
    run: int | None
    task: str
    webhook_id: str
    event: str
    url: str
    """In the clear: not for clients or logs."""
    status: Status
    tries: int
    code: str | None
    """Of the last try that failed."""
    created_at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None
