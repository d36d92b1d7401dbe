"""The port that caches implement."""

from __future__ import annotations

from typing import Protocol


class Cache(Protocol):
    """Bytes by key, each with an expiry. Anything may be gone at any time, so no answer may depend on it.

    No method raises because a server is away, full or confused: reading finds nothing then, writing does nothing,
    counting begins anew. The log says it once when that begins and once when it is over. Keys are slugs of ours,
    such as `comfyui/facts/<address>`; expiries are seconds, more than 0.
    """

    async def get(self, key: str) -> bytes | None:
        """What was put there last and has not expired; None: nothing, as far as known."""
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep it for so long, in place of what was there."""
        ...

    async def count(self, key: str, seconds: float, by: int = 1) -> int:
        """Add to a number and return it. It is 0 at first, and again `seconds` after its first addition.

        Additions from anywhere at once are all counted. A key is either counted or put, not both.
        """
        ...

    async def drop(self, key: str) -> None:
        """Forget it."""
        ...

    async def aclose(self) -> None:
        """Close connections. Use it no more."""
        ...
