"""One child to work in, for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from libs.runtime.workers import WorkerPool


@pytest.fixture
async def workers() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(1) as pool:
        yield pool
