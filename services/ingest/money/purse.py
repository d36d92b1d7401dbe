"""What a run may still spend. Pure: the ledger reads it in the transaction that decides."""

from __future__ import annotations

import msgspec

from libs.money.amounts import Micros


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """One cap: of a job, of a project, or of a user's month."""

    cap: Micros | None = None
    """None: there is none."""
    spent: Micros = 0
    reserved: Micros = 0
    """For tasks that are under way."""

    @property
    def left(self) -> Micros | None:
        """What can still be reserved; None: as much as one likes."""
        return None if self.cap is None else max(self.cap - self.spent - self.reserved, 0)


class Purse(msgspec.Struct, frozen=True, kw_only=True):
    """All caps that hold for a run."""

    job: Room = Room()
    project: Room = Room()
    month: Room = Room()
