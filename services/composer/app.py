"""The composer's composition root: everything is built here, and connects in the lifespan."""

from __future__ import annotations

import asyncio

from litestar import Litestar

from libs.media.ffmpeg import find_ffmpeg
from libs.runtime.worker_app import worker_app
from libs.runtime.workers import WorkerPool
from libs.runtime.workplace import Workplace
from services.composer.handlers import make_handlers
from services.composer.settings import ComposerSettings

NAME = "composer"


def create_app(settings: ComposerSettings, *, pool: WorkerPool | None = None) -> Litestar:
    """The composer as an ASGI app. pool: shared with other services and closed by its owner; None: its own."""
    place = Workplace(NAME, settings.shared, pool)

    async def check_ffmpeg() -> None:
        await asyncio.to_thread(find_ffmpeg, settings.shared.ffmpeg)

    return worker_app(
        NAME,
        settings.shared,
        make_handlers(place.store, place.pool, settings, place.scratch),
        concurrency=settings.concurrency,
        checks={"artifacts": place.store.check, "ffmpeg": check_ffmpeg},
        resources=[place],
    )
