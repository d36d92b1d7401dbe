"""What the composer does on each task.

`compose` becomes a video, its report, poster and contact sheet in the store. `mix` and `conform` make ahead of it
what it then finds: the soundtrack, and the segments of a scene.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from libs.artifacts.results import Made, find_or_make
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.artifacts import result_key
from libs.contracts.facts import SceneConformed, SoundtrackMixed, WorkFact
from libs.contracts.tasks import Compose, Conform, Mix, Task, TaskKind
from libs.runtime.disk import full_disk_is_retryable
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.composer.compose import VERSION, Composition
from services.composer.cutter import open_cutter
from services.composer.documents import read_documents
from services.composer.images import scene_image
from services.composer.settings import ComposerSettings
from services.composer.soundtrack import soundtrack
from services.composer.suite import Studio, Suite
from services.composer.tools import Tools


def make_handlers(
    store: ArtifactStore, pool: WorkerPool, settings: ComposerSettings, scratch: Scratch
) -> Mapping[TaskKind, Handler]:
    """The handlers by task kind. The scratch folder must be open."""
    studio = Studio(settings.encoders or len(os.sched_getaffinity(0)))

    @asynccontextmanager
    async def suite(task: Task, context: TaskContext) -> AsyncIterator[Suite]:
        with full_disk_is_retryable():
            async with scratch.folder() as folder:
                yield Suite(
                    owner=task.owner,
                    store=store,
                    settings=settings,
                    tools=Tools(pool, settings, context),
                    studio=studio,
                    context=context,
                    folder=folder,
                )

    async def mix(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Mix)
        async with suite(task, context) as here:
            made = await soundtrack(here, order)
        return [SoundtrackMixed(copied=made.aac is None)]

    async def conform(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Conform)
        async with suite(task, context) as here:
            documents = await read_documents(here, order)
            cutter = await open_cutter(here, documents, order.options)
            pieces = await cutter.pieces(order.clips, scene_id=order.scene_id)
            if order.narrated is not None:
                scene = next(one for one in documents.board.scenes if one.id == order.scene_id)
                await scene_image(here, scene, order.clips[-1], documents.encoding.fps)
        return [SceneConformed(scene_id=order.scene_id, encoded=sum(not piece.copied for piece in pieces))]

    async def compose(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Compose)

        async def make() -> Made:
            async with suite(task, context) as here:
                return await Composition(order, here).make()

        found = await find_or_make(store, compose_key(task.owner, order, settings), make)
        if found.reused:
            context.mark_reused()
        return list(found.facts)

    return {"mix": mix, "conform": conform, "compose": compose}


def compose_key(owner: str, order: Compose, settings: ComposerSettings) -> str:
    """The key of the record of a finished video: all that determines it. What it has cost is no part of it."""
    narrated = order.narrated
    inputs = {
        "song": order.song.sha256,
        "analysis": order.analysis.sha256,
        "storyboard": order.storyboard.sha256,
        "clips": [msgspec.to_builtins(clip) for clip in order.clips],
        "captions": order.options.captions,
        "lossless_audio": order.options.lossless_audio,
        "preview": order.options.preview,
        "title": order.options.title,
        "narrated": None if narrated is None else msgspec.to_builtins(narrated),
        "encoder": [settings.shared.preset, settings.shared.crf, settings.shared.ffmpeg],
    }
    return result_key("compose", VERSION, owner, inputs)
