"""The table of what was learned of how much work takes: see figures.Figure."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, PrimaryKeyConstraint, Table

from services.ingest.columns import KEY, SHORT, Moment
from services.ingest.tables import metadata

figures = Table(
    "figures",
    metadata,
    Column("kind", SHORT, nullable=False),
    Column("workflow", KEY, nullable=False),
    Column("size", SHORT, nullable=False),
    Column("count", Integer, nullable=False),
    Column("units", Float, nullable=False),
    Column("gpu_seconds", Float, nullable=False),
    Column("cost", Float, nullable=False),
    Column("dearest", Float, nullable=False),
    Column("spread", Float, nullable=False),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("kind", "workflow", "size"),
)
"""Of the whole installation: nothing in it tells of a user."""
