"""What may be lost: bytes by key, each with an expiry, in this process or on a Redis that all replicas share."""

from libs.cache.memory import MemoryCache
from libs.cache.open import open_cache
from libs.cache.store import Cache
from libs.cache.values import get_value, put_value

__all__ = ["Cache", "MemoryCache", "get_value", "open_cache", "put_value"]
