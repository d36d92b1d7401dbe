"""Writing down what clients of a project are told, in the transaction of what has happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest import tables as t
from services.ingest.database import note_change
from services.ingest.projects.events import ProjectEvent, named
from services.ingest.projects.tables import project_events


async def tell(connection: AsyncConnection, project_id: str, news: Sequence[ProjectEvent], now: datetime) -> None:
    """Number the events and put them in, each with the project's version as it is by now. Its streams are woken
    once it is committed."""
    if not news:
        return
    c = t.projects.c
    query = sa.update(t.projects).where(c.id == project_id).values(last_event=c.last_event + len(news))
    row = (await connection.execute(query.returning(c.last_event, c.version))).one()
    rows = []
    for number, event in enumerate(news, row.last_event - len(news) + 1):
        name, data = named(event, row.version)
        rows.append({"project_id": project_id, "number": number, "name": name, "data": data.decode(), "at": now})
    await connection.execute(sa.insert(project_events), rows)
    note_change(project_id)
