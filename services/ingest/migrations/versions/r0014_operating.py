"""Switches of those who run the installation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.ingest.columns import KEY, SHORT, Moment

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "intake_pauses",
        sa.Column("id", SHORT, nullable=False),
        sa.Column("paused_at", Moment, nullable=False),
        sa.Column("paused_by", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("retry_after", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_intake_pauses"),
    )
    op.create_table(
        "drained_servers",
        sa.Column("server", KEY, nullable=False),
        sa.Column("drained_at", Moment, nullable=False),
        sa.Column("drained_by", KEY, nullable=False),
        sa.PrimaryKeyConstraint("server", name="pk_drained_servers"),
    )
