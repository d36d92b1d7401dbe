"""The table of uploads."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from services.ingest.columns import DIGEST, JOB, KEY, SHORT, Document, Moment
from services.ingest.tables import metadata
from services.ingest.uploads.kinds import FileFacts

uploads = Table(
    "uploads",
    metadata,
    Column("id", JOB, primary_key=True),
    Column("owner", KEY, nullable=False),
    Column("kind", SHORT, nullable=False),
    Column("status", SHORT, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("media_type", KEY, nullable=False),
    Column("sha256", DIGEST, index=True),
    Column("facts", Document[FileFacts](FileFacts)),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)
"""While an upload waits for its bytes, size and media type are those that were announced, and it has no digest."""
