"""Webhook endpoints and deliveries. Callbacks that were sent before, or wait to be, become deliveries."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from services.ingest.columns import JOB, KEY, SHORT, Moment
from services.ingest.ids import new_id

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", JOB, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("strict", sa.Boolean, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("old_secret", sa.Text),
        sa.Column("old_until", Moment),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoints"),
    )
    op.create_index("ix_webhook_endpoints_owner_id", "webhook_endpoints", ["owner", "id"])
    op.create_table(
        "deliveries",
        sa.Column("id", JOB, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("endpoint_id", JOB),
        sa.Column("job_id", JOB),
        sa.Column("run", sa.Integer),
        sa.Column("task", KEY, nullable=False),
        sa.Column("webhook_id", KEY, nullable=False),
        sa.Column("event", SHORT, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("strict", sa.Boolean, nullable=False),
        sa.Column("status", SHORT, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("code", KEY),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("next_try_at", Moment),
        sa.Column("ended_at", Moment),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("webhook_id", name="uq_deliveries_webhook_id"),
        sa.ForeignKeyConstraint(
            ["job_id", "run"], ["runs.job_id", "runs.run"], name="fk_deliveries_job_id_run_runs"
        ),
    )
    op.create_index("ix_deliveries_owner_id", "deliveries", ["owner", "id"])
    op.create_index("ix_deliveries_endpoint_id_id", "deliveries", ["endpoint_id", "id"])
    op.create_index("ix_deliveries_job_id_run", "deliveries", ["job_id", "run"])
    op.create_index("ix_deliveries_ended_at", "deliveries", ["ended_at"])
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", JOB, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("code", KEY),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "attempt", name="pk_delivery_attempts"),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.id"],
            name="fk_delivery_attempts_delivery_id_deliveries",
            ondelete="CASCADE",
        ),
    )
    _open_callbacks()


def _open_callbacks() -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.text(_CALLBACKS)).mappings().all()
    for row in rows:
        connection.execute(sa.text(_INSERT), _delivery(row))


def _delivery(row: Any) -> dict[str, Any]:
    body = json.loads(row["message"])["body"]
    status = "delivered" if row["taken"] else "failed" if row["given_up"] else "pending"
    return {
        "id": new_id(),
        "owner": row["owner"],
        "job_id": row["job_id"],
        "run": row["run"],
        "webhook_id": body["webhook_id"],
        "event": body["event"],
        "url": body["url"],
        "off": False,
        "status": status,
        "tries": row["attempt"],
        "created_at": row["ended_at"],
        "ended_at": None if status == "pending" else row["ended_at"],
    }


_CALLBACKS = """
SELECT tasks.job_id, tasks.run, tasks.attempt, tasks.message, jobs.owner, runs.ended_at,
  EXISTS (SELECT 1 FROM facts WHERE facts.job_id = tasks.job_id AND facts.run = tasks.run
    AND facts.task = 'notify' AND facts.name = 'delivery.attempted') AS taken,
  EXISTS (SELECT 1 FROM dead_letters WHERE dead_letters.job_id = tasks.job_id AND dead_letters.run = tasks.run
    AND dead_letters.task = 'notify' AND dead_letters.attempt = tasks.attempt) AS given_up
FROM tasks JOIN jobs ON jobs.id = tasks.job_id
  JOIN runs ON runs.job_id = tasks.job_id AND runs.run = tasks.run
WHERE tasks.task = 'notify' AND runs.ended_at IS NOT NULL AND tasks.attempt = (
  SELECT MAX(last.attempt) FROM tasks AS last
  WHERE last.job_id = tasks.job_id AND last.run = tasks.run AND last.task = 'notify')
"""

_INSERT = """
INSERT INTO deliveries
  (id, owner, job_id, run, task, webhook_id, event, url, strict, status, tries, created_at, ended_at)
VALUES
  (:id, :owner, :job_id, :run, 'notify', :webhook_id, :event, :url, :off, :status, :tries, :created_at, :ended_at)
"""
