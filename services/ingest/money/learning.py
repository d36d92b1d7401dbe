"""Figures in the ledger: learned in the transaction that takes a fact in, read by whoever estimates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.facts import Fact
from libs.money.prices import Prices
from services.ingest.database import Database
from services.ingest.money.figure_tables import figures
from services.ingest.money.figures import CLIP_GPU_S, Figure, Figures, Observation, observed
from services.ingest.money.observing import observation_of
from services.ingest.state import RunState

_COLUMNS = [figures.c[name] for name in Figure.__struct_fields__]


class Learning:
    """What work takes on this installation.

    clip_gpu_s: what a second of clip takes before anything was seen; 0: CLIP_GPU_S where GPUs have a price, else
    clips are taken to be drawn on the machine.
    """

    def __init__(self, database: Database, prices: Prices, *, clip_gpu_s: float = 0.0) -> None:
        self._database = database
        self.prices = prices
        self._first_s = clip_gpu_s or (CLIP_GPU_S if prices.gpu else 0.0)

    async def figures(self, connection: AsyncConnection, now: datetime) -> Figures | None:
        """What was learned, as of now; None where nothing costs anything."""
        return await self.known(connection, now) if self.prices else None

    async def known(self, connection: AsyncConnection, now: datetime) -> Figures:
        """The same, wherever it may be for."""
        rows = await connection.execute(sa.select(*_COLUMNS).where(figures.c.workflow == ""))
        known = tuple(Figure(**row) for row in rows.mappings())
        return Figures(known=known, prices=self.prices, at=now, first_s=self._first_s)

    async def learn(self, connection: AsyncConnection, state: RunState, fact: Fact) -> None:
        """Take in a fact that is new; `state` has it already."""
        seen = observation_of(state, fact, self.prices, drawn=self._first_s > 0)
        for workflow in sorted(seen.workflows) if seen is not None else ():
            assert seen is not None
            await self._take_in(connection, seen, workflow)

    async def _take_in(self, connection: AsyncConnection, seen: Observation, workflow: str) -> None:
        """In one row, which is locked. Rows are locked in the order of their workflows."""
        fresh = Figure(kind=seen.kind, workflow=workflow, size=seen.size, at=seen.at)
        await self._database.insert_new(connection, figures, [msgspec.structs.asdict(fresh)])
        c = figures.c
        this = (c.kind == seen.kind, c.workflow == workflow, c.size == seen.size)
        query = sa.select(*_COLUMNS).where(*this)
        if self._database.locks_rows:
            query = query.with_for_update()
        row = (await connection.execute(query)).mappings().one()
        values: dict[str, Any] = msgspec.structs.asdict(observed(Figure(**row), seen))
        await connection.execute(sa.update(figures).where(*this).values(**values))
