"""The ledger: one transaction around `apply` and `decide`, and what is read out of it."""

from __future__ import annotations

from libs.contracts.facts import Fact
from services.ingest.records import Accepted, DeadRow, EventRow, JobSnapshot, NewJob

__all__ = ["Accepted", "DeadRow", "EventRow", "JobSnapshot", "Ledger", "NewJob"]


class Ledger:
    """The one owner of the database. Every method raises `Retryable("ledger_unavailable")` when it is away."""

    async def accept(self, order: NewJob, *, key: str = "", body_digest: str = "") -> Accepted:
        """Open a job. `key` is the client's idempotency key (kept 24 h, by owner), `body_digest` its body's digest.

        Raises `Permanent("idempotency_conflict")` when the key was used with another digest.
        """
        raise NotImplementedError

    async def accepted_before(self, owner: str, key: str, body_digest: str) -> Accepted | None:
        """The job that an idempotency key stands for, before any work on the upload. Raises as `accept` does."""
        raise NotImplementedError

    async def apply(self, fact: Fact) -> None:
        """Take a fact in. When this returns, all that it calls for is committed."""
        raise NotImplementedError

    async def cancel(self, job_id: str) -> None:
        """End the current run. Raises `Permanent` job_not_found or job_ended."""
        raise NotImplementedError

    async def retry(self, job_id: str) -> int:
        """Open the next run of an ended job; its number. Raises `Permanent` job_not_found, job_running."""
        raise NotImplementedError

    async def snapshot(self, job_id: str) -> JobSnapshot:
        """The job as its current run stands. Raises `Permanent("job_not_found")`."""
        raise NotImplementedError

    async def snapshots(self, *, limit: int, before: str | None = None) -> list[JobSnapshot]:
        """The newest jobs first; `before` is the last job id of the page before. `clips` are left empty."""
        raise NotImplementedError

    async def events(self, job_id: str, *, after: int, limit: int = 500) -> list[EventRow]:
        """Events with a number above `after`, in order."""
        raise NotImplementedError

    async def first_event(self, job_id: str) -> int | None:
        """The oldest event that is kept; None when there is none."""
        raise NotImplementedError

    async def dead_letters(self, *, limit: int = 200) -> list[DeadRow]:
        """Dead letters that nobody has replayed or dropped, newest first."""
        raise NotImplementedError

    async def dead_letter(self, letter_id: str) -> DeadRow:
        """One with its error history. Raises `Permanent("dead_letter_not_found")`."""
        raise NotImplementedError

    async def replay(self, letter_id: str) -> int:
        """Do it again: a new run, or for a notify task a new attempt of it. Returns the run. Raises as `retry`."""
        raise NotImplementedError

    async def drop(self, letter_id: str) -> None:
        """Take it off the list. Raises `Permanent("dead_letter_not_found")`."""
        raise NotImplementedError

    async def check(self) -> None:
        """Readiness: raises `Retryable("ledger_unavailable")`."""
        raise NotImplementedError
