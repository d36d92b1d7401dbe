"""Budgets in the ledger: their rows are locked, read as a purse, and written, in the transaction that decides."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.announcements import BudgetScope
from libs.contracts.projects import ProjectSettings
from libs.money.amounts import Micros, micros_of
from services.ingest.database import Database
from services.ingest.money.purse import Room
from services.ingest.money.tables import budgets
from services.ingest.tables import projects

USER = "user"
"""The scope of a row with a user's own monthly cap."""


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """What holds where nobody has said otherwise; None: no cap."""

    job: Micros | None = None
    month: Micros | None = None


class Payer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose money it is."""

    owner: str
    project_id: str
    job_id: str


class Key(msgspec.Struct, frozen=True):
    """Which budget."""

    scope: BudgetScope
    subject: str
    month: str = ""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One row, locked."""

    key: Key
    cap: Micros | None
    """Without what was approved."""
    approved: Micros = 0
    spent: Micros = 0
    reserved: Micros = 0
    warned_at: datetime | None = None
    paused_at: datetime | None = None

    @property
    def room(self) -> Room:
        """What may still be spent of it."""
        cap = None if self.cap is None else self.cap + self.approved
        return Room(cap=cap, spent=self.spent, reserved=self.reserved)


def month_of(now: datetime) -> str:
    """The month that a moment lies in, by UTC: "2026-11"."""
    return f"{now.astimezone(UTC):%Y-%m}"


def keys_of(payer: Payer, months: Iterable[str]) -> list[Key]:
    """The budgets that a payment is about, in the order in which they are locked."""
    own = [Key("job", payer.job_id), Key("project", payer.project_id)]
    return own + [Key("month", payer.owner, month) for month in sorted(set(months))]


async def open_budgets(
    database: Database,
    connection: AsyncConnection,
    payer: Payer,
    months: Iterable[str],
    caps: Caps,
    *,
    job_cap: Micros | None = None,
) -> dict[Key, Budget]:
    """The budgets of a payer with their caps as of now, locked until the transaction ends.

    job_cap: what the order says; None: the usual. The job's row has to be locked before.
    """
    usual = {
        "job": caps.job if job_cap is None else job_cap,
        "project": await _project_cap(database, connection, payer.project_id),
        "month": await month_cap(connection, payer.owner, caps),
    }
    return {
        key: await _open(database, connection, key, payer.owner, usual[key.scope]) for key in keys_of(payer, months)
    }


async def open_month(database: Database, connection: AsyncConnection, owner: str, month: str, caps: Caps) -> Budget:
    """The budget of a user's month alone, locked until the transaction ends."""
    cap = await month_cap(connection, owner, caps)
    return await _open(database, connection, Key("month", owner, month), owner, cap)


async def write_budget(connection: AsyncConnection, budget: Budget) -> None:
    """Write a row that is locked."""
    values = msgspec.structs.asdict(budget)
    values.pop("key")
    await connection.execute(sa.update(budgets).where(*_is(budget.key)).values(**values))


async def add_to(connection: AsyncConnection, key: Key, *, spent: Micros, reserved: Micros) -> None:
    """Change the sums of a row, whatever its cap is. It is locked until the transaction ends."""
    b = budgets.c
    sums = {"spent": b.spent + spent, "reserved": b.reserved + reserved}
    await connection.execute(sa.update(budgets).where(*_is(key)).values(**sums))


async def read_month(connection: AsyncConnection, owner: str, month: str, caps: Caps) -> Budget:
    """How a user's month stands, with its cap as of now."""
    key, cap = Key("month", owner, month), await month_cap(connection, owner, caps)
    found = await _find(connection, key)
    return Budget(key=key, cap=cap) if found is None else msgspec.structs.replace(found, cap=cap)


async def month_cap(connection: AsyncConnection, owner: str, caps: Caps) -> Micros | None:
    """What a user may spend in a month, without what was approved."""
    b = budgets.c
    query = sa.select(b.cap).where(b.scope == USER, b.subject == owner, b.month == "")
    row = (await connection.execute(query)).one_or_none()
    return caps.month if row is None else row.cap


async def set_month_cap(database: Database, connection: AsyncConnection, owner: str, cap: Micros | None) -> None:
    """Say what a user may spend in each month from now on; None: as much as they like."""
    row = {"scope": USER, "subject": owner, "month": "", "owner": owner, "cap": cap}
    if not await database.insert_new(connection, budgets, [row]):
        b = budgets.c
        query = sa.update(budgets).where(b.scope == USER, b.subject == owner, b.month == "")
        await connection.execute(query.values(cap=cap))


def approve(budget: Budget, amount: Micros) -> Budget:
    """The budget with so much more in it: one is warned and paused by it anew."""
    more = budget.approved + amount
    return msgspec.structs.replace(budget, approved=more, warned_at=None, paused_at=None)


async def _open(
    database: Database, connection: AsyncConnection, key: Key, owner: str, cap: Micros | None
) -> Budget:
    found = await _find(connection, key, lock=database.locks_rows)
    if found is None:
        row = {**msgspec.structs.asdict(key), "owner": owner}
        await database.insert_new(connection, budgets, [row])
        found = await _find(connection, key, lock=database.locks_rows)
        assert found is not None
    if found.cap != cap:  # what was told of the cap before says nothing of this one
        found = msgspec.structs.replace(found, cap=cap, warned_at=None, paused_at=None)
    return found


async def _find(connection: AsyncConnection, key: Key, *, lock: bool = False) -> Budget | None:
    names = [name for name in Budget.__struct_fields__ if name != "key"]
    query = sa.select(*(budgets.c[name] for name in names)).where(*_is(key))
    if lock:
        query = query.with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Budget(key=key, **row)


async def _project_cap(database: Database, connection: AsyncConnection, project_id: str) -> Micros | None:
    """The project's own cap. Its row is locked before any budget, as it is by those who order over it."""
    query = sa.select(projects.c.settings).where(projects.c.id == project_id)
    if database.locks_rows:
        query = query.with_for_update(key_share=True)
    settings: ProjectSettings | None = (await connection.execute(query)).scalar_one_or_none()
    cap = settings.budget_cap_usd if settings is not None else None
    return None if cap is None else micros_of(cap)


def _is(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    b = budgets.c
    return (b.scope == key.scope, b.subject == key.subject, b.month == key.month)
