"""What the composer's steps work with: ffmpeg and worker children, their CPU time counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from libs.bus.handler import TaskContext
from libs.media.ffmpeg import ToolRun, run_ffmpeg
from libs.runtime.spawn import Limits
from libs.runtime.workers import WorkerPool
from services.composer.settings import ComposerSettings

_MEMORY = 4 << 30
_NICE = 5

T = TypeVar("T")


class Tools:
    """The processes of one task."""

    def __init__(self, pool: WorkerPool, settings: ComposerSettings, context: TaskContext) -> None:
        self._pool = pool
        self._settings = settings
        self._context = context
        self.cpu_seconds = 0.0

    async def ffmpeg(
        self, args: Sequence[str], timeout_s: float, on_progress: Callable[[float], None] | None = None
    ) -> ToolRun:
        """Runs ffmpeg: see `libs.media.ffmpeg.run_ffmpeg`."""
        limits = Limits(address_space=_MEMORY, nice=_NICE)
        ran = await run_ffmpeg(
            args, timeout_s=timeout_s, on_progress=on_progress, binary=self._settings.shared.ffmpeg, limits=limits
        )
        self._spend(ran.cpu_seconds)
        return ran

    async def child(
        self, work: Callable[..., T], *args: object, on_progress: Callable[[float, str], None] | None = None
    ) -> T:
        """Calls a function in a worker child: see `WorkerPool.run`."""
        timeout_s = self._settings.measure_timeout_s
        done = await self._pool.run(work, *args, timeout_s=timeout_s, on_progress=on_progress)
        self._spend(done.cpu_seconds)
        return done.value

    def _spend(self, cpu_seconds: float) -> None:
        self.cpu_seconds += cpu_seconds
        self._context.spend(cpu_seconds)
