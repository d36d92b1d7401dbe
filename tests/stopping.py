"""What a client of an event stream sees of a stop."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

END_S = 2.0
"""Well below the time after which a server cuts off what has not ended; it takes a few milliseconds."""


async def stream_ends_with_the_stop(url: str, song: bytes, stop: Callable[[], None]) -> None:
    """Order a video, follow it, call `stop`: the stream has to end by itself."""
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        ordered = await client.post("/api/v1/jobs", files={"song": ("a.wav", song)})
        assert ordered.status_code == 202, ordered.text
        async with client.stream("GET", ordered.json()["links"]["stream"]) as stream:
            lines = stream.aiter_lines()
            async for line in lines:
                if line == "event: progress":
                    break
            stop()
            began = time.monotonic()
            async for _ in lines:
                pass
            assert time.monotonic() - began < END_S
