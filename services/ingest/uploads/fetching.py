"""Files that an order names by their address: fetched into scratch, a few at once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from libs.outbound.fetch import fetch
from libs.outbound.targets import Resolver, system_resolver
from libs.outbound.urls import SOURCE, check_url
from libs.runtime.disk import full_disk_is_retryable
from services.ingest.names import display_name
from services.ingest.uploads.kinds import LIMITS, UploadKind
from services.ingest.uploads.sink import Received, Sink

AT_ONCE = 8
"""Fetches of a process; others wait for their turn."""


class Fetching:
    """Who may be fetched from, and for how long.

    allow: hosts and addresses that may be fetched from although they are private. seconds: for one file.
    """

    def __init__(
        self, *, allow: Collection[str] = (), seconds: float = 30.0, resolver: Resolver = system_resolver
    ) -> None:
        self._allow, self._seconds, self._resolver = allow, seconds, resolver
        self._turns = asyncio.Semaphore(AT_ONCE)

    def check(self, url: str) -> None:
        """Raises Permanent("bad_source_url") for an address that is refused by its text alone."""
        check_url(url, self._allow, SOURCE)

    async def fetch(self, url: str, kind: UploadKind, folder: Path) -> Received:
        """The file at `url`, in `folder`, under the name that its address ends with.

        Raises as `libs.outbound.fetch`, and Retryable("no_space").
        """
        with full_disk_is_retryable():
            sink = Sink(folder / kind, limit=LIMITS[kind], what="The file at the source URL")
            try:
                async with self._turns:
                    name = await fetch(
                        url,
                        sink.take,
                        allow=self._allow,
                        max_bytes=LIMITS[kind],
                        seconds=self._seconds,
                        resolver=self._resolver,
                    )
                return await sink.finish(display_name(name, default=kind))
            finally:
                sink.close()
