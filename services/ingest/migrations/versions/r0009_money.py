"""What work costs, and how much may be spent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward."""
    op.add_column("deliveries", sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("deliveries", sa.Column("message", sa.Text()))
