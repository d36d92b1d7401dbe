"""What prompts have made, kept: the same request of the same user costs nothing a second time.

The key is a digest of graph, inputs, models and seed, so that it is found whatever job asks, and however far an
earlier delivery of the task came. What is kept has no metadata: servers write the whole prompt into their files.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from libs.artifacts.results import find_record, keep_record
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Bill, TaskContext
from libs.contracts.artifacts import Blob, result_key
from libs.money.amounts import amount_of, micros_of
from libs.runtime.workers import WorkerPool
from services.generator.comfyui.prompter import Prompter
from services.generator.comfyui.request import Request, digest_of
from services.generator.comfyui.strip import strip
from services.generator.comfyui.uploads import looked_at
from services.generator.comfyui.workflow import FULL

VERSION = "3"
"""Raised whenever the same request is to be made anew."""
STRIP_S = 120.0
_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
}
"""By the ending of a file; all others are clips."""


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a request gave."""

    blob: Blob
    seed: int
    """The one that it was made with: another than was asked for where that gave something of no use."""
    work: str = ""
    """What it was made for."""
    gpu_seconds: float = 0.0
    cost: float = 0.0
    """What all its attempts have taken; cost in the currency of the budget."""


class Kept:
    """Requests by a prompter, over a store."""

    def __init__(self, prompter: Prompter, store: ArtifactStore, workers: WorkerPool) -> None:
        self._prompter = prompter
        self._store = store
        self._workers = workers

    async def call_off(self, work: str) -> None:
        """See Prompter."""
        await self._prompter.call_off(work)

    async def make(self, request: Request, owner: str, folder: Path, context: TaskContext) -> tuple[Blob, int]:
        """What the request gives, and by which seed.

        Raises what `Prompter.make` raises; Permanent("not_media", "bad_image") for a file that can't be copied.
        """
        inputs = await looked_at(request.files)
        key = result_key("prompt", VERSION, owner, {"graph": digest_of(request, inputs, FULL)})
        output = await find_record(self._store, key, Output)
        if output is not None and output.work == request.work:  # a delivery before this one died with its account
            context.bill(request.work, Bill(gpu_seconds=output.gpu_seconds, cost=micros_of(output.cost)))
        if output is None:
            rendered = await self._prompter.make(request, inputs, folder, context)
            spent = context.bill_of(request.work)
            plain = rendered.path.with_stem(f"{rendered.path.stem}-plain")
            await self._workers.run(strip, rendered.path, plain, timeout_s=STRIP_S)
            blob = await self._store.put_file(plain, _TYPES.get(plain.suffix, "video/mp4"))
            made = Output(
                blob=blob,
                seed=rendered.seed,
                work=request.work,
                gpu_seconds=spent.gpu_seconds,
                cost=amount_of(spent.cost),
            )
            output = await keep_record(self._store, key, made)
        return output.blob, output.seed
