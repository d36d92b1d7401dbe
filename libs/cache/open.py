"""Which cache an address means."""

from __future__ import annotations

from urllib.parse import urlsplit

from libs.cache.memory import MemoryCache
from libs.cache.store import Cache
from libs.contracts.errors import Permanent


def open_cache(url: str) -> Cache:
    """The cache at an address: empty for one in this process, else `redis://`, `rediss://` or `unix://`.

    Opening does no I/O. Raises Permanent("bad_setting"); the address is not repeated, since it may hold a password.
    """
    if not url:
        return MemoryCache()
    if urlsplit(url).scheme in ("redis", "rediss", "unix"):
        from libs.cache.redis import RedisCache  # noqa: PLC0415  (its package is slow to import)

        try:
            return RedisCache(url)
        except ValueError:
            pass
    raise Permanent("bad_setting", "The cache's address is not of the form redis://[:PASSWORD@]host:port/0.")
