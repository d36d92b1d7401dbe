"""The rows of a job that was accepted."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.jobs import State
from libs.telemetry.tracing import inject
from services.ingest import tables as t
from services.ingest.brief import Told
from services.ingest.ids import new_id
from services.ingest.projects.board import read_basis
from services.ingest.records import NewJob


async def insert_job(connection: AsyncConnection, order: NewJob, job_id: str, now: datetime) -> None:
    """Put a job in, and its project when it is about none."""
    project_id, given = order.project_id, order.given
    if project_id:
        given = msgspec.structs.replace(given, basis=await read_basis(connection, project_id))
    else:
        project_id = await _insert_project(connection, order, now)
    job = {
        "id": job_id,
        "project_id": project_id,
        "owner": order.owner,
        "kind": order.kind,
        "options": order.options,
        "given": given,
        "caption": order.caption,
        "client_run": order.client_run,
        "notices": order.notices,
        "run": 1,
        "state": State.QUEUED.value,
        "last_event": 0,
        "version": 0,
        "trace": inject({}).get("traceparent", ""),
        "created_at": now,
        "updated_at": now,
    }
    await connection.execute(sa.insert(t.jobs).values(**job))


async def _insert_project(connection: AsyncConnection, order: NewJob, now: datetime) -> str:
    """The project of a job that is not about one: it lasts as well, and can be edited later."""
    script = order.given.script
    told = Told.of(script, order.options) if script is not None else None
    project = {
        "id": new_id(),
        "owner": order.owner,
        "song_name": order.song_name,
        "song": order.song,
        "lyrics": order.lyrics,
        "image": order.image,
        "duration": order.duration,
        "told": told,
        "created_at": now,
        "updated_at": now,
        "last_used": now,
    }
    await connection.execute(sa.insert(t.projects).values(**project))
    return str(project["id"])
