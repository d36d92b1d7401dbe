"""A video has a contact sheet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forward."""
    for table in ("runs", "exports"):
        op.add_column(table, sa.Column("sheet", sa.Text(), nullable=True))
