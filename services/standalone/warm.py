"""Modules that are read before they are needed, on cores that have nothing to do while a render begins.

A render reads seconds' worth of them, in this process for the services and in each child for its work. The order of
the lists is that of the need.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module

from libs.runtime.workers import WorkerPool
from services.standalone.environment import SERVICES

APPS = tuple(f"services.{name}.app" for name in SERVICES)
SONG = ("services.analyzer.analyze",)
SCRIPT = ("services.generator.voice.piper_speak", "services.generator.voice.joining")
WORK = (
    "services.planner.handlers",
    "services.generator.builtin.render",
    "services.composer.measure",
    "services.composer.hearing",
    "services.composer.sheet",
)
"""Where the functions are that run in children, after what hears the song or speaks the script."""
TIMEOUT_S = 60.0


def read(modules: Sequence[str]) -> None:
    """Import all of them."""
    for name in modules:
        import_module(name)


@asynccontextmanager
async def warmed(pool: WorkerPool, children: int, first: Sequence[str] = SONG) -> AsyncIterator[None]:
    """So many children read the modules of their work while the block goes on. first: those of the first step.

    What fails here fails again when it is needed, and is told then.
    """
    readings = [asyncio.create_task(pool.run(read, (*first, *WORK), timeout_s=TIMEOUT_S)) for _ in range(children)]
    try:
        yield
    finally:
        for reading in readings:
            reading.cancel()
        await asyncio.gather(*readings, return_exceptions=True)
