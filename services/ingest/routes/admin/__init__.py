"""Routes for those who run the installation."""

from __future__ import annotations

from services.ingest.routes.admin import intake, looking, pool, upkeep, users

HANDLERS = (*intake.HANDLERS, *pool.HANDLERS, *upkeep.HANDLERS, *looking.HANDLERS, *users.HANDLERS)
