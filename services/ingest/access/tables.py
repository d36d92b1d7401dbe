"""The audit log: what changed access or spent money, and who did it."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from services.ingest.columns import BIG_ID, KEY, SHORT, Moment
from services.ingest.tables import metadata

audit = Table(
    "audit",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("actor", KEY, nullable=False),
    Column("means", SHORT, nullable=False),
    Column("address", KEY, nullable=False),
    Column("action", SHORT, nullable=False),
    Column("subject", KEY, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "actor", "id"),
    Index(None, "subject", "id"),
)
"""`actor` and `subject` are ids of users, keys, jobs or things; `detail` is a JSON object without secrets."""
