"""Writing the audit log, in the transaction of what it tells."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.access.callers import Caller
from services.ingest.access.tables import audit


async def note(
    connection: AsyncConnection, caller: Caller, action: str, subject: str, now: datetime, **detail: object
) -> None:
    """Write one line. action: noun.verb, as in `key.created`. detail: never a secret, never a user's text."""
    row = {
        "at": now,
        "actor": caller.owner,
        "means": caller.means,
        "address": caller.address,
        "action": action,
        "subject": subject,
        "detail": msgspec.json.encode(detail).decode(),
    }
    await connection.execute(sa.insert(audit).values(**row))
