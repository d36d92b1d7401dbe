"""How long what was made is kept: why a project refers to each blob, its size, when the project was last used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_MOMENT = sa.DateTime(timezone=True)
_PAGE = 500

_FILES = (
    ("output", "runs", "job_id", ("video", "report", "poster", "sheet", "narrated")),
    ("output", "exports", "project_id", ("video", "report", "poster", "sheet")),
    ("source", "projects", "id", ("song", "lyrics", "image", "settings")),
    ("source", "characters", "project_id", ("picture",)),
    ("work", "runs", "job_id", ("analysis", "storyboard")),
    ("work", "projects", "id", ("analysis", "storyboard", "told")),
    ("take", "takes", "project_id", ("clip",)),
)
"""Where blobs are named: why, table, the column that leads to the project, columns. What keeps longer comes
later."""


def upgrade() -> None:
    """Forward."""
    op.add_column("projects", sa.Column("last_used", _MOMENT, nullable=True))
    op.add_column(
        "artifact_references", sa.Column("reason", sa.String(length=40), nullable=False, server_default="work")
    )
    op.add_column("artifact_references", sa.Column("size", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("artifact_references", sa.Column("warned_at", _MOMENT, nullable=True))
    op.add_column("artifact_references", sa.Column("let_go_at", _MOMENT, nullable=True))
    op.create_index(op.f("ix_artifact_references_project_id"), "artifact_references", ["project_id"], unique=False)
    op.create_index(
        op.f("ix_artifact_references_reason_created_at"),
        "artifact_references",
        ["reason", "created_at"],
        unique=False,
    )
    op.execute(sa.text("UPDATE projects SET last_used = coalesce(updated_at, created_at)"))
    op.execute(
        sa.text(
            "UPDATE projects SET last_used = newest.at FROM (SELECT project_id, max(updated_at) AS at FROM jobs"
            " GROUP BY project_id) AS newest"
            " WHERE newest.project_id = projects.id AND newest.at > projects.last_used"
        )
    )
    _tell_reasons(op.get_bind())


def _tell_reasons(connection: sa.Connection) -> None:
    """Fill in why and how large, as far as the ledger's columns tell it."""
    update = sa.text(
        "UPDATE artifact_references SET reason = :reason, size = :size WHERE sha256 = :sha256"
        " AND project_id = :project_id"
    )
    for reason, table, key, columns in _FILES:
        for row in _rows(connection, table, key, columns):
            found = [
                {"reason": reason, "project_id": row[0], **blob}
                for document in row[1:]
                for blob in _blobs(json.loads(document or "null"))
            ]
            if found:
                connection.execute(update, found)


def _rows(connection: sa.Connection, table: str, key: str, columns: tuple[str, ...]) -> Iterator[Any]:
    source = sa.table(table, sa.column(key), *map(sa.column, columns))
    query = sa.select(source.c[key], *(source.c[name] for name in columns))
    if key == "job_id":
        jobs = sa.table("jobs", sa.column("id"), sa.column("project_id"))
        query = sa.select(jobs.c.project_id, *(source.c[name] for name in columns)).join_from(
            source, jobs, jobs.c.id == source.c.job_id
        )
    for page in connection.execute(query).partitions(_PAGE):
        yield from page


def _blobs(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if {"sha256", "size", "media_type"} <= value.keys():
            yield {"sha256": value["sha256"], "size": value["size"]}
        for each in value.values():
            yield from _blobs(each)
    elif isinstance(value, list):
        for each in value:
            yield from _blobs(each)
