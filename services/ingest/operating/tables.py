"""Switches of those who run the installation."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from services.ingest.columns import KEY, SHORT, Moment
from services.ingest.tables import metadata

pauses = Table(
    "intake_pauses",
    metadata,
    Column("id", SHORT, primary_key=True),
    Column("paused_at", Moment, nullable=False),
    Column("paused_by", KEY, nullable=False),
    Column("reason", Text, nullable=False),
    Column("retry_after", Integer, nullable=False),
)
"""One row while no new orders are taken. `reason` is told to whoever orders; `retry_after` is in seconds."""

drained = Table(
    "drained_servers",
    metadata,
    Column("server", KEY, primary_key=True),
    Column("drained_at", Moment, nullable=False),
    Column("drained_by", KEY, nullable=False),
)
"""GPU servers that get no new prompt, by host and port."""
