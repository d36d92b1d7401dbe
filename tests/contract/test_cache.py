"""What every cache keeps to: one suite for the one in the process and for a real server. Then what outages do."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from typing import cast

import msgspec
import pytest

from libs.cache import Cache, MemoryCache, get_value, open_cache, put_value
from libs.cache import redis as redis_module
from libs.contracts.errors import Permanent
from tests.servers.redis import RedisServer


@pytest.fixture(params=["memory", "redis"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    url = ""
    if request.param == "redis":
        url = cast(RedisServer, request.getfixturevalue("redis_server")).url
    cache = open_cache(url)
    yield cache
    await cache.aclose()


@pytest.mark.parametrize("data", [b"", b"\x00\xff", os.urandom(5 << 20)], ids=["empty", "bytes", "5MiB"])
async def test_bytes_come_back_as_they_went_in(cache: Cache, data: bytes) -> None:
    assert await cache.get("a/b c:é") is None
    await cache.put("a/b c:é", data, 60)
    assert await cache.get("a/b c:é") == data
    await cache.put("a/b c:é", b"other", 60)
    assert await cache.get("a/b c:é") == b"other"
    await cache.drop("a/b c:é")
    await cache.drop("a/b c:é")
    assert await cache.get("a/b c:é") is None


async def test_it_expires_and_a_new_put_counts_anew(cache: Cache) -> None:
    await cache.put("short", b"x", 0.05)
    await cache.put("renewed", b"x", 0.05)
    await cache.put("renewed", b"y", 60)
    await cache.put("long", b"x", 60)
    await asyncio.sleep(0.1)
    assert await cache.get("short") is None
    assert await cache.get("renewed") == b"y"
    assert await cache.get("long") == b"x"


async def test_all_are_counted_at_once_until_the_window_ends(cache: Cache) -> None:
    assert sorted(await asyncio.gather(*(cache.count("n", 60) for _ in range(20)))) == list(range(1, 21))
    assert await cache.count("n", 60, by=5) == 25
    assert await cache.count("other", 1.2) == 1
    await asyncio.sleep(0.7)
    assert await cache.count("other", 1.2) == 2, "the window began with the first"
    await asyncio.sleep(0.6)
    assert await cache.count("other", 1.2) == 1


async def test_a_counter_can_be_dropped(cache: Cache) -> None:
    await cache.count("n", 60)
    await cache.drop("n")
    assert await cache.count("n", 60) == 1


class Fact(msgspec.Struct):
    name: str
    models: list[str]


async def test_values_of_our_types_and_what_another_version_left(cache: Cache) -> None:
    await put_value(cache, "fact", Fact("a", ["b"]), 60)
    assert await get_value(cache, "fact", Fact) == Fact("a", ["b"])
    assert await get_value(cache, "fact", int) is None
    await cache.put("fact", b"\xc1", 60)
    assert await get_value(cache, "fact", Fact) is None


async def test_memory_keeps_what_was_used_last_and_never_more_than_its_size() -> None:
    cache = MemoryCache(most_bytes=10_000)
    for i in range(100):
        await cache.put(f"k{i}", b"x" * 700, 60)
        await cache.get("k0")
    assert await cache.get("k0") is not None
    assert await cache.get("k50") is None
    assert await cache.get("k99") is not None
    await cache.put("large", b"x" * 20_000, 60)
    assert await cache.get("large") is None


async def test_a_server_that_is_gone_is_a_cache_with_nothing_in_it(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_module, "AWAY_S", 0.2)
    cache = open_cache(redis_server.url)
    await cache.put("k", b"x", 60)
    redis_server.kill()
    with caplog.at_level(logging.INFO, "libs.cache"):
        for _ in range(3):
            assert await cache.get("k") is None
            await cache.put("k", b"y", 60)
            assert await cache.count("n", 60, by=3) == 3
            await cache.drop("k")
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        redis_server.start()
        await asyncio.sleep(0.25)
        await cache.put("k", b"z", 60)
        assert await cache.get("k") == b"z"
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert all(redis_server.url not in record.getMessage() for record in caplog.records)
    await cache.aclose()


async def test_a_server_that_hangs_costs_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_module, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never says a word
        cache = open_cache(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        began = time.monotonic()
        for _ in range(50):
            assert await cache.get("k") is None
        assert time.monotonic() - began < 2.0
        await cache.aclose()


async def test_a_server_that_refuses_us_is_one_that_is_away(redis_server: RedisServer) -> None:
    cache = open_cache(f"redis://:wrong@127.0.0.1:{redis_server.port}/0")
    await cache.put("k", b"x", 60)
    assert await cache.get("k") is None
    await cache.aclose()


async def test_a_server_without_room_is_one_that_is_away(redis_server: RedisServer) -> None:
    cache = redis_module.RedisCache(redis_server.url)
    await cache._client.config_set("maxmemory", "1")
    await cache.put("k", b"x", 60)
    assert await cache.get("k") is None
    await cache.aclose()


@pytest.mark.parametrize("url", ["http://host", "redis://host:port", "nonsense"])
def test_an_address_that_makes_no_sense_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Permanent) as refused:
        open_cache(url)
    assert refused.value.code == "bad_setting"
    assert url not in str(refused.value)
