"""Narrated videos: what a project tells, and the files that only they have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward."""
    op.add_column("projects", sa.Column("told", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("narrated", sa.Text(), nullable=True))
