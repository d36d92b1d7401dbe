"""What work costs, and how much may be spent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Forward."""
    op.add_column("deliveries", sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("deliveries", sa.Column("message", sa.Text()))
    op.add_column("tasks", sa.Column("ceiling", sa.BigInteger()))
    op.add_column("runs", sa.Column("paused_by", sa.String(length=40)))
    op.create_table(
        "charges",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(length=128), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("scene", sa.String(length=128), nullable=False),
        sa.Column("month", sa.String(length=40), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger()),
        sa.Column("gpu_seconds", sa.Float(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("characters", sa.BigInteger(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("settled_at", _MOMENT),
        sa.PrimaryKeyConstraint("job_id", "run", "task", "attempt", name=op.f("pk_charges")),
    )
    op.create_index(op.f("ix_charges_project_id"), "charges", ["project_id"], unique=False)
    op.create_index(op.f("ix_charges_owner_month"), "charges", ["owner", "month"], unique=False)
    op.create_index(
        "ix_charges_unsettled",
        "charges",
        ["at"],
        unique=False,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_table(
        "budgets",
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("cap", sa.BigInteger()),
        sa.Column("approved", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("spent", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("reserved", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("warned_at", _MOMENT),
        sa.Column("paused_at", _MOMENT),
        sa.PrimaryKeyConstraint("scope", "subject", "month", name=op.f("pk_budgets")),
    )
    op.create_index(op.f("ix_budgets_owner"), "budgets", ["owner"], unique=False)
