"""Projects that are edited: briefs, characters, scenes and takes; jobs of other kinds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("projects") as projects:
        projects.alter_column("song", existing_type=sa.Text(), nullable=True)
        projects.add_column(sa.Column("title", sa.Text(), nullable=False, server_default=""))
        projects.add_column(sa.Column("settings", sa.Text(), nullable=True))
        projects.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        projects.add_column(sa.Column("updated_at", _MOMENT, nullable=True))
        projects.add_column(sa.Column("last_event", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("given", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("caption", sa.Text(), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("client_run", sa.String(length=255), nullable=False, server_default=""))
    op.add_column("scenes", sa.Column("take_id", sa.BigInteger(), nullable=True))
    op.add_column("scenes", sa.Column("chosen_at", _MOMENT, nullable=True))
    for document in ("shot", "analysis", "form"):
        op.add_column("takes", sa.Column(document, sa.Text(), nullable=True))
    op.add_column("takes", sa.Column("own", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("takes", sa.Column("workflow", sa.String(length=128), nullable=False, server_default=""))
    for score in ("quality_score", "user_score", "character_consistency", "mouth_visibility"):
        op.add_column("takes", sa.Column(score, sa.Float(), nullable=True))
    op.create_table(
        "characters",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("bible", sa.Text(), nullable=False),
        sa.Column("picture", sa.Text(), nullable=True),
        sa.Column("primary", sa.Boolean(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_characters_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_characters")),
    )
    op.create_index(op.f("ix_characters_project_id"), "characters", ["project_id"], unique=False)
    op.create_table(
        "project_events",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_project_events_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("project_id", "number", name=op.f("pk_project_events")),
    )
