"""When what users have goes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from services.ingest.keeping.reasons import Reason

WARNING = timedelta(days=2)
"""How long before a finished file goes its owner is told."""


USUAL_DAYS = 14
"""Where there is a login and the settings say nothing."""


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """How long what is kept; None: for as long as its project."""

    uploads: timedelta | None = None
    """What a person sent, and reference stills: after the last use of the project."""
    outputs: timedelta | None = None
    """Finished files: after they were made."""
    clips: timedelta = timedelta(days=7)
    """Clips that nobody refers to: after they were made."""

    @classmethod
    def of(cls, *, uploads: int | None, outputs: int | None, clips: int, usual: int) -> Keeping:
        """By the settings, in days; 0: for as long as the project. usual: where a setting says nothing."""
        return cls(uploads=_days(uploads, usual), outputs=_days(outputs, usual), clips=timedelta(days=clips))


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A reference of a project that has not been let go."""

    sha256: str
    reason: Reason
    created_at: datetime
    warned_at: datetime | None = None


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done about a project, by digest."""

    warn: dict[str, datetime]
    """Finished files whose owner is to be told, and when they will go."""
    let_go: frozenset[str]


def ends_at(standing: Standing, last_used: datetime, keeping: Keeping) -> datetime | None:
    """When its time is over; None: never."""
    match standing.reason:
        case "source" | "still":
            return None if keeping.uploads is None else last_used + keeping.uploads
        case "output":
            return None if keeping.outputs is None else standing.created_at + keeping.outputs
        case "take" | "work":
            return None


def due(references: Iterable[Standing], last_used: datetime, keeping: Keeping, now: datetime) -> Due:
    """What is due by now. No finished file goes before its owner has known of it for two days, however long the
    sweeper was away and whatever its clock says."""
    warn: dict[str, datetime] = {}
    let_go: set[str] = set()
    for one in references:
        end = ends_at(one, last_used, keeping)
        if end is None:
            continue
        if one.reason != "output":
            if end <= now:
                let_go.add(one.sha256)
        elif one.warned_at is None:
            if end - WARNING <= now:
                warn[one.sha256] = max(end, now + WARNING)
        elif max(end, one.warned_at + WARNING) <= now:
            let_go.add(one.sha256)
    return Due(warn=warn, let_go=frozenset(let_go))


def _days(days: int | None, usual: int) -> timedelta | None:
    chosen = usual if days is None else days
    return timedelta(days=chosen) if chosen else None
