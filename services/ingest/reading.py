"""What is read out of the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from libs.contracts.errors import Permanent
from services.ingest import queries
from services.ingest.database import Database
from services.ingest.records import DeadRow, EventRow, JobSnapshot


class Reader:
    """Every method raises `Retryable("ledger_unavailable")` when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def snapshot(self, job_id: str) -> JobSnapshot:
        """The job as its current run stands. Raises `Permanent("job_not_found")`."""
        found = await self._database.look(queries.read_snapshot, job_id)
        if found is None:
            raise Permanent("job_not_found")
        return found

    async def snapshots(self, owner: str, *, limit: int, before: str | None = None) -> list[JobSnapshot]:
        """A user's jobs, the newest first; `before` is the last id of the page before. `clips` are left empty."""
        async with self._database.read() as connection:
            return await queries.read_snapshots(connection, owner, limit=limit, before=before)

    async def events(self, job_id: str, *, after: int, limit: int = 500) -> list[EventRow]:
        """Events with a number above `after`, in order."""
        return await self._database.look(queries.read_events, job_id, after=after, limit=limit)

    async def news(self, job_id: str, *, after: int, limit: int) -> tuple[JobSnapshot, list[EventRow]]:
        """The job, and its events with a number above `after`: at least those up to this state. Raises
        `Permanent("job_not_found")`."""
        found, rows = await self._database.look(queries.read_news, job_id, after=after, limit=limit)
        if found is None:
            raise Permanent("job_not_found")
        return found, rows

    async def last_events(self, ids: Sequence[str]) -> dict[str, int]:
        """The number of the last event of each of these jobs and projects; those that are gone are left out."""
        async with self._database.read() as connection:
            return await queries.read_last_events(connection, ids)

    async def first_event(self, job_id: str) -> int | None:
        """The oldest event that is kept; None when there is none."""
        async with self._database.read() as connection:
            return await queries.read_first_event(connection, job_id)

    async def dead_letters(self, *, limit: int = 200, before: str | None = None) -> list[DeadRow]:
        """Dead letters that nobody has replayed or dropped, newest first; `before` is the last id of the page
        before."""
        async with self._database.read() as connection:
            return await queries.read_letters(connection, limit=limit, before=before)

    async def dead_letter(self, letter_id: str) -> DeadRow:
        """One with its error history. Raises `Permanent("dead_letter_not_found")`."""
        async with self._database.read() as connection:
            found = await queries.read_letter(connection, letter_id)
        if found is None:
            raise Permanent("dead_letter_not_found")
        return found

    async def check(self) -> None:
        """Readiness: raises `Retryable("ledger_unavailable")`."""
        await self._database.check()
