"""Uploads that wait for their job or project."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.ingest.columns import DIGEST, JOB, KEY, SHORT, Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "uploads",
        sa.Column("id", JOB, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("kind", SHORT, nullable=False),
        sa.Column("status", SHORT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", KEY, nullable=False),
        sa.Column("sha256", DIGEST),
        sa.Column("facts", sa.Text()),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_sha256", "uploads", ["sha256"])
    op.create_index("ix_uploads_expires_at", "uploads", ["expires_at"])
