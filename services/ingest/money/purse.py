"""What a run may still spend. Pure: the ledger reads it in the transaction that decides."""

from __future__ import annotations

import msgspec

from libs.contracts.announcements import BudgetScope
from libs.money.amounts import Micros
from services.ingest.money.figures import Figures

SCOPES: tuple[BudgetScope, ...] = ("job", "project", "month")
"""The order in which their rows are locked."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """One cap: of a job, of a project, or of a user's month."""

    cap: Micros | None = None
    """With what was approved besides. None: there is none."""
    spent: Micros = 0
    reserved: Micros = 0
    """For tasks that are under way."""

    @property
    def left(self) -> Micros | None:
        """What can still be reserved; None: as much as one likes."""
        return None if self.cap is None else max(self.cap - self.spent - self.reserved, 0)

    def has(self, amount: Micros) -> bool:
        """Whether so much can be reserved now."""
        return self.left is None or amount <= self.left

    def could_have(self, amount: Micros) -> bool:
        """Whether so much could be reserved once all that is under way has come to nothing."""
        return self.cap is None or amount <= self.cap - self.spent

    def reserve(self, amount: Micros) -> Room:
        """The room with so much more of it reserved."""
        return msgspec.structs.replace(self, reserved=self.reserved + amount)


class Purse(msgspec.Struct, frozen=True, kw_only=True):
    """All caps that hold for a run, and what work costs."""

    job: Room = Room()
    project: Room = Room()
    month: Room = Room()
    figures: Figures | None = None
    """None: nothing costs anything."""

    @property
    def capped(self) -> bool:
        """Whether any cap holds."""
        return any(self.room(scope).cap is not None for scope in SCOPES)

    def room(self, scope: BudgetScope) -> Room:
        """One of its rooms."""
        room: Room = getattr(self, scope)
        return room

    def has(self, amount: Micros) -> bool:
        """Whether so much can be reserved in all of them."""
        return all(self.room(scope).has(amount) for scope in SCOPES)

    def reserve(self, amount: Micros) -> Purse:
        """The purse with so much more reserved in all of them."""
        rooms = {scope: self.room(scope).reserve(amount) for scope in SCOPES}
        return msgspec.structs.replace(self, **rooms)

    def blocked_by(self, amount: Micros) -> BudgetScope | None:
        """The cap that has to be raised before so much can be reserved; None: waiting is enough."""
        return next((scope for scope in SCOPES if not self.room(scope).could_have(amount)), None)
