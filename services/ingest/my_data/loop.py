"""The loop that makes data exports and carries deletions out. Every replica has one; each work is one's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.artifacts.store import ArtifactStore
from libs.bus.connection import Bus
from libs.bus.erasing import Erasing
from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.runtime.scratch import Scratch
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.my_data.claims import Claim, Lost, claim
from services.ingest.my_data.deleting import GRACE, PATIENCE, Deleting
from services.ingest.my_data.deletions import UNFINISHED
from services.ingest.my_data.exporting import Exporting, remove_expired
from services.ingest.my_data.tables import data_exports, deletions

log = logging.getLogger(__name__)

EVERY_S = 2.0
AGAIN = timedelta(seconds=5)
"""After something that was away."""
MOST_TRIES = 5
"""Of an export."""
PRUNED_EVERY = timedelta(minutes=10)


class MyDataLoop:
    """One piece of work after the other; `step` does one."""

    def __init__(
        self,
        database: Database,
        store: ArtifactStore,
        exporting: Exporting,
        deleting: Deleting,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._store, self._clock = database, store, clock
        self._exporting, self._deleting = exporting, deleting
        self._prune_at = clock()

    @classmethod
    def over(
        cls,
        *,
        database: Database,
        store: ArtifactStore,
        scratch: Scratch,
        bus: Bus,
        ledger: Ledger,
        forget: Callable[[str], Awaitable[None]],
        clock: Callable[[], datetime],
        grace: timedelta = GRACE,
        patience: timedelta = PATIENCE,
    ) -> MyDataLoop:
        """With makers of its own. forget: drops what is counted of a user. grace, patience: as in `Deleting`."""
        deleting = Deleting(
            database=database,
            store=store,
            erasing=Erasing(bus),
            ledger=ledger,
            forget=forget,
            clock=clock,
            grace=grace,
            patience=patience,
        )
        return cls(database, store, Exporting(database, store, scratch, clock), deleting, clock)

    async def run(self) -> None:
        """For ever. Ends only when cancelled."""
        while True:
            try:
                busy = await self.step()
            except Retryable as error:
                log.warning("data exports and deletions have to wait: %s", error)
                busy = False
            if not busy:
                await asyncio.sleep(EVERY_S)

    async def step(self) -> bool:
        """Do what is due; False when nothing was. Raises Retryable("ledger_unavailable")."""
        now = self._clock()
        if now >= self._prune_at:
            await remove_expired(self._database, self._store, now)
            self._prune_at = now + PRUNED_EVERY
        leaving = await claim(self._database, deletions, UNFINISHED, self._clock)
        if leaving is not None:
            return await self._do(leaving, self._deleting.go_on, self._put_off)
        wanted = await claim(self._database, data_exports, ["waiting"], self._clock)
        if wanted is not None:
            return await self._do(wanted, self._exporting.make, self._note_failure)
        return False

    async def _do(
        self,
        work: Claim,
        do: Callable[[Claim], Awaitable[None]],
        failed: Callable[[Claim, BeatloomError], Awaitable[None]],
    ) -> bool:
        try:
            await do(work)
        except Lost:
            log.info("%s is somebody else's by now", work.id)
        except Retryable as error:
            log.warning("%s has to wait: %s", work.id, error)
            await work.release(AGAIN)
        except BeatloomError as error:
            await failed(work, error)
        except Exception as error:
            log.exception("%s has failed", work.id)
            await failed(work, Permanent("unexpected", str(error)))
        return True

    async def _put_off(self, work: Claim, error: BeatloomError) -> None:
        """A deletion is never given up: whoever mends what is wrong need not ask again."""
        await work.release(PRUNED_EVERY)

    async def _note_failure(self, work: Claim, error: BeatloomError) -> None:
        tries = int(work.row["tries"]) + 1
        status = "failed" if tries >= MOST_TRIES else "waiting"
        until = self._clock() + AGAIN * 2**tries

        async def note(connection: AsyncConnection) -> None:
            await work.hold(connection, status=status, tries=tries, code=error.code, claimed_until=until)
            if status == "failed":
                c = data_exports.c
                ends = sa.update(data_exports).where(c.id == work.id)
                await connection.execute(ends.values(expires_at=self._clock() + timedelta(days=1)))

        try:
            await self._database.transact(note)
        except Lost:
            return
