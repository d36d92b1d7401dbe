"""Tables of webhook endpoints and deliveries. Secrets stand here sealed."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, ForeignKeyConstraint, Index, Integer, Table, Text

from libs.contracts.tasks import Notify
from services.ingest.columns import JOB, KEY, SHORT, Document, Moment
from services.ingest.tables import metadata
from services.ingest.webhooks.records import Event

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", JOB, primary_key=True),
    Column("owner", KEY, nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("events", Document[tuple[Event, ...]](tuple[Event, ...]), nullable=False),
    Column("strict", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
    Column("old_until", Moment),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index(None, "owner", "id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", JOB, primary_key=True),
    Column("owner", KEY, nullable=False),
    Column("endpoint_id", JOB),
    Column("job_id", JOB),
    Column("run", Integer),
    Column("task", KEY, nullable=False),
    Column("webhook_id", KEY, nullable=False, unique=True),
    Column("event", SHORT, nullable=False),
    Column("url", Text, nullable=False),
    Column("strict", Boolean, nullable=False),
    Column("status", SHORT, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("code", KEY),
    Column("created_at", Moment, nullable=False),
    Column("next_try_at", Moment),
    Column("ended_at", Moment),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("message", Document[Notify](Notify)),
    ForeignKeyConstraint(("job_id", "run"), ("runs.job_id", "runs.run")),
    Index(None, "owner", "id"),
    Index(None, "endpoint_id", "id"),
    Index(None, "job_id", "run"),
    Index(None, "ended_at"),
)
"""The endpoint may be gone, so it is no foreign key. `url` is where a delivery without one goes.

`attempt` and `message` are those of announcements: the try under way, and what is told; no secret is in it."""

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery_id", JOB, ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("status", Integer),
    Column("code", KEY),
    Column("message", Text, nullable=False),
    Column("answer", Text, nullable=False),
)
