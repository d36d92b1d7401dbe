"""Routes for those who run the installation."""

from __future__ import annotations

from services.ingest.routes.admin import intake, leaving, looking, money, pool, upkeep, users

HANDLERS = (
    *intake.HANDLERS,
    *pool.HANDLERS,
    *upkeep.HANDLERS,
    *looking.HANDLERS,
    *users.HANDLERS,
    *money.HANDLERS,
    *leaving.HANDLERS,
)
