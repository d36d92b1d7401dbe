"""Tests of an endpoint: one webhook that is about nothing, tried once."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.tasks import Notify
from services.ingest.webhooks.announce import send
from services.ingest.webhooks.records import Target

PING: Final = "ping"


async def send_ping(
    connection: AsyncConnection, target: Target, *, delivery_id: str, owner: str, endpoint_id: str, now: datetime
) -> None:
    """Put a test into the outbox, and its delivery beside it."""
    body = Notify(webhook_id=target.webhook_id, url=target.url, event=PING, timestamp=now, status=PING)
    await send(
        connection,
        target,
        body,
        delivery_id=delivery_id,
        owner=owner,
        endpoint_id=endpoint_id,
        now=now,
        once=True,
    )
