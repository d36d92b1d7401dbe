"""What the composer does on each task: `compose` becomes a video, its report and its poster in the store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import msgspec

from libs.artifacts.results import Made, find_or_make
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.artifacts import result_key
from libs.contracts.facts import WorkFact
from libs.contracts.tasks import Compose, Task, TaskKind
from libs.runtime.disk import full_disk_is_retryable
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.composer.compose import VERSION, Composition
from services.composer.settings import ComposerSettings


def make_handlers(
    store: ArtifactStore, pool: WorkerPool, settings: ComposerSettings, scratch: Scratch
) -> Mapping[TaskKind, Handler]:
    """The handlers by task kind. The scratch folder must be open."""
    encoders = asyncio.Semaphore(settings.encoders or len(os.sched_getaffinity(0)))

    async def compose(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Compose)

        async def make() -> Made:
            with full_disk_is_retryable():
                async with scratch.folder() as folder:
                    composition = Composition(
                        order,
                        task.owner,
                        store=store,
                        pool=pool,
                        settings=settings,
                        encoders=encoders,
                        context=context,
                        folder=folder,
                    )
                    return await composition.make()

        found = await find_or_make(store, compose_key(task.owner, order, settings), make)
        if found.reused:
            context.mark_reused()
        return list(found.facts)

    return {"compose": compose}


def compose_key(owner: str, order: Compose, settings: ComposerSettings) -> str:
    """The key of the record of a finished video: all that determines it. What it has cost is no part of it."""
    inputs = {
        "song": order.song.sha256,
        "analysis": order.analysis.sha256,
        "storyboard": order.storyboard.sha256,
        "clips": [msgspec.to_builtins(clip) for clip in order.clips],
        "captions": order.options.captions,
        "lossless_audio": order.options.lossless_audio,
        "preview": order.options.preview,
        "title": order.options.title,
        "encoder": [settings.shared.preset, settings.shared.crf, settings.shared.ffmpeg],
    }
    return result_key("compose", VERSION, owner, inputs)
