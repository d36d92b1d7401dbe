"""The line of runs that wait for their turn, as it stands in the ledger."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest import tables as t
from services.ingest.database import Database
from services.ingest.turns import Caps, Waiting, next_of, places

LOCK = int.from_bytes(hashlib.sha256(b"beatloom turns").digest()[:7], "big")
"""Key of the PostgreSQL advisory lock under which runs are let in."""
PLACES_S = 1.0
"""For so long places are told again as they were."""

TURN = "turn"
"""`runs.waits_for` of a run in the line."""


class Line:
    """Who runs, who waits, and whose turn it is.

    A run that waits for money holds no place: others go on meanwhile.
    """

    def __init__(self, database: Database, caps: Caps, *, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that only grow."""
        self.caps = caps
        self._database = database
        self._clock = clock
        self._places: dict[str, int] = {}
        self._looked_at: float | None = None

    async def enter(self, connection: AsyncConnection) -> None:
        """Be the only one who lets runs in until the transaction ends. To be called before any row is locked."""
        if self.caps.hold and self._database.locks_rows:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))

    async def lets_in(self, connection: AsyncConnection, new: Waiting) -> bool:
        """Whether a run that is about to be opened goes at once. After `enter`."""
        if not self.caps.hold:
            return True
        owner = "" if self.caps.in_all else new.owner
        running = await _running(connection, owner)
        if next_of([new], running, self.caps) is None:
            return False
        return next_of([*await _waiting(connection, owner), new], running, self.caps) == new

    async def next(self, connection: AsyncConnection) -> Waiting | None:
        """The run whose turn it is. After `enter`."""
        return next_of(await _waiting(connection), await _running(connection), self.caps)

    async def clips(self, connection: AsyncConnection, owner: str) -> int:
        """How many stills and clips each of a user's jobs may have before the workers; 0: all."""
        if not self.caps.clips:
            return 0
        running = (await _running(connection, owner)).get(owner, 1)
        return -(-self.caps.clips // running)

    async def anybody(self) -> bool:
        """Whether somebody waits. With no caps too: they may have been taken away."""
        async with self._database.read() as connection:
            return (await connection.execute(_ANYBODY)).first() is not None

    async def place(self, job_id: str) -> int | None:
        """A waiting job's place, 1 is next; None: it has none. A second old at most."""
        now = self._clock()
        if self._looked_at is None or now >= self._looked_at + PLACES_S or job_id not in self._places:
            async with self._database.read() as connection:
                self._places = places(await _waiting(connection), await _running(connection), self.caps)
            self._looked_at = now
        return self._places.get(job_id)


_OPEN = t.runs.c.ended_at.is_(None)
_JOBS = t.runs.join(t.jobs, t.jobs.c.id == t.runs.c.job_id)
_RUNNING = (
    sa.select(t.jobs.c.owner, sa.func.count().label("runs"))
    .select_from(_JOBS)
    .where(_OPEN, t.runs.c.waits_for == "")
    .group_by(t.jobs.c.owner)
)
_WAITING = (
    sa.select(t.runs.c.job_id, t.runs.c.run, t.jobs.c.owner, t.runs.c.rank, t.runs.c.created_at.label("since"))
    .select_from(_JOBS)
    .where(_OPEN, t.runs.c.waits_for == TURN)
)
_ANYBODY = sa.select(t.runs.c.job_id).where(_OPEN, t.runs.c.waits_for == TURN).limit(1)


async def _running(connection: AsyncConnection, owner: str = "") -> dict[str, int]:
    """How many run, by owner; of one alone, or of all."""
    query = _RUNNING.where(t.jobs.c.owner == owner) if owner else _RUNNING
    return {row.owner: row.runs for row in await connection.execute(query)}


async def _waiting(connection: AsyncConnection, owner: str = "") -> list[Waiting]:
    """Those who wait, of one owner or of all."""
    query = _WAITING.where(t.jobs.c.owner == owner) if owner else _WAITING
    return [Waiting(**row) for row in (await connection.execute(query)).mappings()]
