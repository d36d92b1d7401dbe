"""Figures go from one process to the next, and between replicas, through the cache."""

from __future__ import annotations

import asyncio

import pytest

from libs.cache import MemoryCache
from services.generator.comfyui.learned import SWITCH_PRIOR_S, Learned
from services.generator.comfyui.recall import KEY, exchange, recalled


async def test_a_new_process_knows_what_the_last_one_learned() -> None:
    cache = MemoryCache()
    async with recalled(cache) as learned:
        for _ in range(5):
            learned.switched("models", 50.0)
    async with recalled(cache) as learned:
        assert learned.switch("models") == pytest.approx(50.0, rel=0.1)


async def test_replicas_learn_from_each_other() -> None:
    cache = MemoryCache()
    async with recalled(cache, every_s=0.01) as one, recalled(cache, every_s=0.01) as other:
        one.switched("a", 50.0)
        other.switched("b", 20.0)
        for _ in range(200):
            if "b" in one.switches and "a" in other.switches:
                return
            await asyncio.sleep(0.01)
    pytest.fail("they never told each other")


async def test_what_another_version_left_is_as_good_as_nothing() -> None:
    cache = MemoryCache()
    await cache.put(KEY, b"\xc1 no such thing", 60)
    async with recalled(cache) as learned:
        assert learned.switch("models") == SWITCH_PRIOR_S
    learned = Learned()
    await exchange(cache, learned)
    assert learned == Learned()
