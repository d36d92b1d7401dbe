"""Tables of money: what each attempt costs, and how each budget stands. Amounts are whole millionths."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, PrimaryKeyConstraint, Table

from services.ingest.columns import JOB, KEY, SHORT, Moment
from services.ingest.tables import metadata

charges = Table(
    "charges",
    metadata,
    Column("job_id", JOB),
    Column("run", Integer),
    Column("task", KEY),
    Column("attempt", Integer),
    Column("owner", KEY, nullable=False),
    Column("project_id", JOB, nullable=False, index=True),
    Column("kind", SHORT, nullable=False),
    Column("scene", KEY, nullable=False),
    Column("month", SHORT, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("spent", BigInteger),
    Column("gpu_seconds", Float, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("characters", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("settled_at", Moment),
    PrimaryKeyConstraint("job_id", "run", "task", "attempt"),
    Index(None, "owner", "month"),
)
"""A row for each attempt that costs something, or for which money was set aside. It stays when its job is deleted:
the month's sum is made of it. `reserved` is held until `settled_at`; `spent` is what was heard of so far."""
Index(
    "ix_charges_unsettled",
    charges.c.at,
    sqlite_where=charges.c.settled_at.is_(None),
    postgresql_where=charges.c.settled_at.is_(None),
)

budgets = Table(
    "budgets",
    metadata,
    Column("scope", SHORT),
    Column("subject", JOB),
    Column("month", SHORT),
    Column("owner", KEY, nullable=False, index=True),
    Column("cap", BigInteger),
    Column("approved", BigInteger, nullable=False, server_default="0"),
    Column("spent", BigInteger, nullable=False, server_default="0"),
    Column("reserved", BigInteger, nullable=False, server_default="0"),
    Column("warned_at", Moment),
    Column("paused_at", Moment),
    PrimaryKeyConstraint("scope", "subject", "month"),
)
"""The sums of charges: of a job, of a project, of a user's month. `subject` is the job, project or user; `month`
is "2026-11", or "" for the first two. `cap` is what held when the row was last written, `approved` what was allowed
besides. A row of the scope `user` holds nothing but the cap of each of that user's months."""
