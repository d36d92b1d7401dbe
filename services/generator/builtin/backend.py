"""The builtin backend: each shot is drawn by one call in a worker child."""

from __future__ import annotations

from libs.bus.handler import TaskContext
from libs.contracts.errors import Permanent
from libs.media.encoding import USUAL, Quality
from libs.runtime.workers import WorkerPool
from services.generator.backend import ClipOrder, RenderedClip, RenderedStill, StillOrder
from services.generator.builtin.render import render_clip

VERSION = "7"
"""Raised whenever the same order gives another clip."""


class BuiltinBackend:
    """Draws on the CPU with NumPy and OpenCV."""

    name = "builtin"

    def __init__(self, pool: WorkerPool, *, timeout_s: float, quality: Quality = USUAL) -> None:
        self._pool = pool
        self._timeout_s = timeout_s
        self._quality = quality

    @property
    def version(self) -> str:
        """The code's version, and the settings that change the clip."""
        return f"{VERSION}-{self._quality.preset}-{self._quality.crf}"

    async def imagine(self, order: StillOrder, context: TaskContext) -> RenderedStill:
        """Raises Permanent: it draws what the storyboard says, and needs no stills."""
        raise Permanent("workflow_unsupported", "Stills are made on GPU servers, and none is named.")

    async def render(self, order: ClipOrder, context: TaskContext) -> RenderedClip:
        """Draw and encode the shot in a child, which is killed when the await is cancelled."""
        work = await self._pool.run(
            render_clip, order, self._quality, timeout_s=self._timeout_s, on_progress=context.progress
        )
        return RenderedClip(frames=work.value, seed=order.shot.scene.seed, cpu_seconds=work.cpu_seconds)

    async def check(self) -> None:
        """It needs nothing but this machine."""
