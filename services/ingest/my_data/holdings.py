"""What each table of the ledger holds of a user. The one list behind exports and deletions: a table that is not
in it can't be added, since a test walks them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import sqlalchemy as sa

from services.ingest import schema
from services.ingest import tables as t
from services.ingest.accounts.tables import users
from services.ingest.schema import metadata
from services.ingest.webhooks.rows import SETTINGS_TASK
from services.ingest.webhooks.tables import deliveries

Mine = Callable[[sa.Table, str], sa.ColumnElement[bool]]
"""Which rows of a table are a user's."""


class Holding(NamedTuple):
    """What a table holds of a user."""

    mine: Mine | None
    """None: nothing at all."""
    exported: bool = True
    secret: frozenset[str] = frozenset()
    """Columns that no export shows: hashes, sealed secrets, messages between services."""
    documents: frozenset[str] = frozenset()
    """Columns of text that this service writes as JSON objects. No others are read as such: what a user has written
    may look like one, and name a file of somebody else's."""
    kept: str = ""
    """Why rows outlive their user; "": they don't."""


def _owned(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    return table.c.owner == owner


def _of_project(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    return table.c.project_id.in_(sa.select(t.projects.c.id).where(t.projects.c.owner == owner))


def _of_job(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    return table.c.job_id.in_(sa.select(t.jobs.c.id).where(t.jobs.c.owner == owner))


def _posted(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    """Messages about jobs, and webhooks about none, which have their delivery's id for a job."""
    told = sa.select(deliveries.c.id).where(deliveries.c.owner == owner)
    return _of_job(table, owner) | table.c.job_id.in_(told)


def _of_delivery(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    return table.c.delivery_id.in_(sa.select(deliveries.c.id).where(deliveries.c.owner == owner))


def _of_data_export(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    exports = schema.my_data.data_exports
    return table.c.export_id.in_(sa.select(exports.c.id).where(exports.c.owner == owner))


def _oneself(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    return table.c.id == owner


def _done_or_met(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    return (table.c.actor == owner) | (table.c.subject == owner)


def _mailed(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    address = sa.select(users.c.email).where(users.c.id == owner)
    return (table.c.owner == owner) | table.c.email.in_(address)


_DATA, _MESSAGE, _DETAIL = frozenset({"data"}), frozenset({"message"}), frozenset({"detail"})
_NOTHING = Holding(None, exported=False)

HOLDINGS: Mapping[str, Holding] = MappingProxyType(
    {
        "users": Holding(_oneself, secret=frozenset({"password"})),
        "sessions": Holding(_owned),
        "api_keys": Holding(_owned, secret=frozenset({"digest"})),
        "reset_requests": Holding(_mailed, exported=False),
        "login_tries": _NOTHING._replace(kept="digests of addresses, for minutes"),
        "projects": Holding(_owned),
        "characters": Holding(_of_project),
        "scenes": Holding(_of_project),
        "takes": Holding(_of_project),
        "exports": Holding(_of_project),
        "project_events": Holding(_of_project, documents=_DATA),
        "artifact_references": Holding(_of_project),
        "jobs": Holding(_owned),
        "runs": Holding(_of_job),
        "tasks": Holding(_of_job, secret=_MESSAGE),
        "facts": Holding(_of_job, documents=_MESSAGE),
        "events": Holding(_of_job, documents=_DATA),
        "outbox": Holding(_posted, exported=False),
        "dead_letters": Holding(_of_job),
        "idempotency_keys": Holding(_owned),
        "uploads": Holding(_owned),
        "webhook_endpoints": Holding(_owned, secret=frozenset({"secret", "old_secret"})),
        "deliveries": Holding(_owned, secret=_MESSAGE),
        "charges": Holding(_owned),
        "budgets": Holding(_owned),
        "delivery_attempts": Holding(_of_delivery),
        "data_exports": Holding(_owned, secret=frozenset({"claim", "claimed_until"})),
        "data_export_blobs": Holding(_of_data_export, exported=False),
        "deletions": Holding(None, exported=False, kept="a date, and no user"),
        "deletion_items": _NOTHING,
        "audit": Holding(
            _done_or_met, documents=_DETAIL, kept="under a pseudonym: operators can be asked what was done"
        ),
        "drained_servers": _NOTHING,
        "intake_pauses": _NOTHING,
        "figures": _NOTHING,
    }
)
"""By table."""


def unlisted() -> set[str]:
    """Tables that say nothing of what they hold: a mistake."""
    return {table.name for table in metadata.sorted_tables} ^ set(HOLDINGS)


def exported_tables() -> list[sa.Table]:
    """What a data export shows, those first that others refer to."""
    return [table for table in metadata.sorted_tables if HOLDINGS[table.name].exported]


def erased_tables() -> list[sa.Table]:
    """What is emptied of a user's rows: those first that refer to others, or are found by way of them."""
    tables = reversed(metadata.sorted_tables)
    emptied = [table for table in tables if HOLDINGS[table.name].mine is not None and not HOLDINGS[table.name].kept]
    found_by = (_owned, _oneself)
    return sorted(emptied, key=lambda table: _place(HOLDINGS[table.name].mine, found_by))


def _place(mine: Mine | None, last: tuple[Mine, ...]) -> int:
    return last.index(mine) + 1 if mine in last else 0


def rows_of(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    """Which rows of one of these tables are the user's."""
    mine = HOLDINGS[table.name].mine
    return sa.false() if mine is None else mine(table, owner)


def shown_of(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    """Which of them an export shows: all but those about the endpoint of the settings, whose address is the
    operators' secret."""
    mine = rows_of(table, owner)
    if "task" in table.c:
        return mine & (table.c.task != SETTINGS_TASK)
    if "delivery_id" in table.c:
        theirs = sa.select(deliveries.c.id).where(deliveries.c.task == SETTINGS_TASK)
        return mine & table.c.delivery_id.not_in(theirs)
    return mine
