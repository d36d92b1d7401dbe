"""What prompts have made, kept: the same request of the same user costs nothing a second time.

The key is a digest of graph, inputs, models and seed, so that it is found whatever job asks, and however far an
earlier delivery of the task came. What is kept has no metadata: servers write the whole prompt into their files.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from libs.artifacts.results import find_blob, keep_blob
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob, result_key
from libs.runtime.workers import WorkerPool
from services.generator.comfyui.binding import request_digest
from services.generator.comfyui.prompter import Prompter
from services.generator.comfyui.request import Request
from services.generator.comfyui.strip import strip

VERSION = "2"
"""Raised whenever the same request is to be made anew."""
STRIP_S = 120.0
_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


class Kept:
    """Requests by a prompter, over a store."""

    def __init__(self, prompter: Prompter, store: ArtifactStore, workers: WorkerPool) -> None:
        self._prompter = prompter
        self._store = store
        self._workers = workers

    async def make(self, request: Request, owner: str, folder: Path, context: TaskContext) -> tuple[Blob, int]:
        """What the request gives, and by which seed.

        Raises what `Prompter.make` raises; Permanent("not_media", "bad_image") for a file that can't be copied.
        """
        key = await asyncio.to_thread(_key, owner, request)
        blob = await find_blob(self._store, key)
        if blob is not None:
            return blob, request.seed
        rendered = await self._prompter.make(request, folder, context)
        plain = rendered.path.with_stem(f"{rendered.path.stem}-plain")
        await self._workers.run(strip, rendered.path, plain, timeout_s=STRIP_S)
        blob = await self._store.put_file(plain, _PICTURES.get(plain.suffix, "video/mp4"))
        return await keep_blob(self._store, key, blob), rendered.seed


def _key(owner: str, request: Request) -> str:
    """Blocks."""
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in request.files.items()}
    values = {**request.values, **digests, "seed": request.seed}
    return result_key("prompt", VERSION, owner, {"graph": request_digest(request.workflow, values)})
