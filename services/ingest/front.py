"""The HTTP side of ingest as one thing: routes made at once, parts handed in when they are connected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from libs.bus import Bus
    from libs.runtime.workers import WorkerPool
    from litestar import Router

    from libs.artifacts import ArtifactStore
    from services.ingest.ledger import Ledger


class Front:
    """Holds what the routes work with. In app.py:

    front = Front()
    service_app("ingest", route_handlers=[front.router()], lifespan=[...])
    # in the lifespan, once all is connected:
    async with front.open(ledger=..., store=..., bus=..., pool=..., scratch=Path(...)):
        yield
    """

    def router(self) -> Router:
        """All routes of /api/v1, to be given to `service_app`."""
        raise NotImplementedError

    @asynccontextmanager
    async def open(
        self, *, ledger: Ledger, store: ArtifactStore, bus: Bus, pool: WorkerPool, scratch: Path
    ) -> AsyncIterator[None]:
        """Serve with these parts until the end: follows wakes and progress, keeps a folder for uploads."""
        raise NotImplementedError
        yield
