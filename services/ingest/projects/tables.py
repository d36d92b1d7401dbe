"""What a project has besides its scenes and takes."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text

from libs.contracts.artifacts import Blob
from libs.contracts.characters import Bible
from services.ingest.columns import JOB, KEY, SHORT, Document, Moment
from services.ingest.tables import metadata

characters = Table(
    "characters",
    metadata,
    Column("id", JOB, primary_key=True),
    Column("project_id", JOB, ForeignKey("projects.id"), nullable=False),
    Column("owner", KEY, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("bible", Document[Bible](Bible), nullable=False),
    Column("picture", Document[Blob](Blob)),
    Column("primary", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index(None, "project_id"),
)

project_events = Table(
    "project_events",
    metadata,
    Column("project_id", JOB, ForeignKey("projects.id")),
    Column("number", Integer),
    Column("name", SHORT, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("project_id", "number"),
)
"""What clients of a project are told, numbered within it."""
