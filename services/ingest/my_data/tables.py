"""Tables of data exports and deletions: both are done by a loop, which finds here how far it has come."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table

from services.ingest.columns import DIGEST, JOB, KEY, SHORT, Moment
from services.ingest.tables import metadata

data_exports = Table(
    "data_exports",
    metadata,
    Column("id", JOB, primary_key=True),
    Column("owner", KEY, nullable=False),
    Column("status", SHORT, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("ready_at", Moment),
    Column("expires_at", Moment),
    Column("claim", KEY, nullable=False, server_default=""),
    Column("claimed_until", Moment),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("code", KEY),
    Column("digest", DIGEST),
    Column("size", BigInteger),
    Column("files", Integer),
    Column("missing", Integer),
    Index(None, "owner", "id"),
    Index(None, "status"),
)
"""`claim` is that of the maker at work, or of the one who made what stands in the store; `digest` that of its
manifest, and so of each byte of the archive."""

data_export_blobs = Table(
    "data_export_blobs",
    metadata,
    Column("export_id", JOB, ForeignKey("data_exports.id", ondelete="CASCADE")),
    Column("sha256", DIGEST, index=True),
    PrimaryKeyConstraint("export_id", "sha256"),
)
"""The blobs that a data export needs until it expires."""

deletions = Table(
    "deletions",
    metadata,
    Column("id", JOB, primary_key=True),
    Column("owner", KEY, nullable=False),
    Column("status", SHORT, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("claim", KEY, nullable=False, server_default=""),
    Column("claimed_until", Moment),
    Index(None, "owner"),
    Index(None, "status"),
)
"""`owner` is "" once it is done: the row that is left says only that somebody has left, and when."""

deletion_items = Table(
    "deletion_items",
    metadata,
    Column("deletion_id", JOB, ForeignKey("deletions.id")),
    Column("kind", SHORT),
    Column("name", KEY),
    PrimaryKeyConstraint("deletion_id", "kind", "name"),
)
"""What is still to be looked at outside the ledger: kinds `blob`, `job`, `upload` and `export`."""
