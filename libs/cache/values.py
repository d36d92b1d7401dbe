"""Values of our types in a cache."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from libs.cache.store import Cache

Value = TypeVar("Value")


async def get_value(cache: Cache, key: str, kind: type[Value]) -> Value | None:
    """What was put there; None when there is nothing, or something that another version has left."""
    data = await cache.get(key)
    if data is None:
        return None
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.MsgspecError:
        return None


async def put_value(cache: Cache, key: str, value: object, seconds: float) -> None:
    """Keep a value of any type that msgspec can write, for so many seconds."""
    await cache.put(key, msgspec.msgpack.encode(value), seconds)
