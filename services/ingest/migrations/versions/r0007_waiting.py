"""Runs that wait for their turn or for money, the audit log, and lists by owner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_MOMENT = sa.DateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    op.add_column("runs", sa.Column("waits_for", sa.String(length=40), nullable=False, server_default=""))
    op.create_index(op.f("ix_runs_waits_for"), "runs", ["waits_for"], unique=False)
    for table in ("jobs", "projects"):
        op.create_index(op.f(f"ix_{table}_owner_id"), table, ["owner", "id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("means", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_actor_id"), "audit", ["actor", "id"], unique=False)
    op.create_index(op.f("ix_audit_subject_id"), "audit", ["subject", "id"], unique=False)
