"""What is forgotten of accounts in time: logins that ended, resets, counted tries."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.accounts.tables import login_tries, reset_requests, sessions


async def forget_expired(connection: AsyncConnection, now: datetime) -> None:
    """Delete what is of no use any more. Keys stay in their list until they are revoked."""
    for column in (sessions.c.expires_at, reset_requests.c.expires_at, login_tries.c.until):
        await connection.execute(sa.delete(column.table).where(column <= now))
