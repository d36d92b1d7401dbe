"""How much at once: what comes first among runs that wait, and which runs are open."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Forward."""
    op.add_column("runs", sa.Column("rank", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "ix_runs_open",
        "runs",
        ["waits_for"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
