"""Alembic's way in. The connection comes from `Database.migrate`, or a new script's draft is compared by it."""

from __future__ import annotations

from alembic import context

from services.ingest.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
