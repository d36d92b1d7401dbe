"""Users, their logins and their keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.ingest.columns import DIGEST, JOB, KEY, SHORT, Moment

revision = "0008"
down_revision = "0007"

_EMAIL = sa.String(length=254)


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "users",
        sa.Column("id", JOB, nullable=False),
        sa.Column("email", _EMAIL, nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("role", SHORT, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("last_login_at", Moment),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_index("ix_users_role", "users", ["role"])
    op.create_table(
        "sessions",
        sa.Column("id", JOB, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(["owner"], ["users.id"], name="fk_sessions_owner_users", ondelete="CASCADE"),
    )
    op.create_index("ix_sessions_owner", "sessions", ["owner"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "api_keys",
        sa.Column("id", JOB, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("prefix", SHORT, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment),
        sa.Column("last_used_at", Moment),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
        sa.ForeignKeyConstraint(["owner"], ["users.id"], name="fk_api_keys_owner_users", ondelete="CASCADE"),
    )
    op.create_index("ix_api_keys_owner", "api_keys", ["owner"])
    op.create_table(
        "reset_requests",
        sa.Column("id", JOB, nullable=False),
        sa.Column("email", _EMAIL, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("not_before", Moment, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("sent_at", Moment),
        sa.PrimaryKeyConstraint("id", name="pk_reset_requests"),
    )
    for column in ("owner", "expires_at", "sent_at"):
        op.create_index(f"ix_reset_requests_{column}", "reset_requests", [column])
    op.create_table(
        "login_tries",
        sa.Column("key", KEY, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("until", Moment, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_login_tries"),
    )
    op.create_index("ix_login_tries_until", "login_tries", ["until"])
