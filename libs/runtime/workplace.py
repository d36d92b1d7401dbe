"""What a service works with: artifacts, a scratch folder, child processes."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from libs.artifacts import open_store
from libs.runtime.scratch import Scratch
from libs.runtime.settings import Shared
from libs.runtime.workers import WorkerPool


class Workplace:
    """The store, scratch and pool of the service `name`, as its settings say. An async context manager.

    pool: shared with other services and closed by its owner; None: its own, closed at the end.
    Raises Permanent("bad_setting") for a store's address that is none.
    """

    def __init__(self, name: str, shared: Shared, pool: WorkerPool | None) -> None:
        self._own_pool = pool is None
        self.pool = pool or WorkerPool(shared.workers)
        self.scratch = Scratch(Path(shared.scratch_dir) / name)
        self.store = open_store(shared.artifacts_url, scratch=self.scratch)

    async def __aenter__(self) -> Self:
        await self.scratch.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.scratch.__aexit__(kind, error, trace)
        finally:
            if self._own_pool:
                await self.pool.close()
