"""What the generator does on each task: `animate` becomes a clip in the store."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from libs.artifacts.results import Made, find_or_make
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.artifacts import result_key
from libs.contracts.errors import Retryable
from libs.contracts.facts import TakeRendered, Usage, WorkFact
from libs.contracts.storyboard import Clip
from libs.contracts.tasks import Animate, Task, TaskKind
from libs.runtime.disk import full_disk_is_retryable
from libs.runtime.scratch import Scratch
from services.generator.backend import Backend, ClipOrder

CLIP_TYPE = "video/mp4"

log = logging.getLogger(__name__)


def make_handlers(store: ArtifactStore, backend: Backend, scratch: Scratch) -> Mapping[TaskKind, Handler]:
    """The handlers by task kind. The scratch folder must be open."""

    async def animate(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Animate)

        async def make() -> Made:
            with full_disk_is_retryable():
                async with scratch.folder() as folder:
                    return await render(order, store, backend, folder / "clip.mp4", context)

        found = await find_or_make(store, animate_key(task.owner, order, backend), make)
        if found.reused:
            context.mark_reused()
        return list(found.facts)

    return {"animate": animate}


def animate_key(owner: str, order: Animate, backend: Backend) -> str:
    """The key of the record of a shot's clip: all that determines its frames."""
    inputs = {
        "shot": msgspec.to_builtins(order.shot),
        "analysis": order.analysis.sha256,
        "image": order.image.sha256 if order.image is not None else None,
        "fps": order.fps,
        "size": [order.width, order.height],
        "preview": order.preview,
    }
    return result_key("animate", f"{backend.name}-{backend.version}", owner, inputs)


async def render(order: Animate, store: ArtifactStore, backend: Backend, out: Path, context: TaskContext) -> Made:
    """Render the shot into the file `out` and put it into the store.

    Raises Retryable("media_tool_failed") when the clip hasn't exactly the frames that were asked for.
    """
    shot = order.shot
    async with contextlib.AsyncExitStack() as inputs:
        analysis = await inputs.enter_async_context(store.local(order.analysis))
        image = None
        if order.image is not None:
            image = await inputs.enter_async_context(store.local(order.image))
        clip_order = ClipOrder(
            shot=shot,
            fps=order.fps,
            width=order.width,
            height=order.height,
            analysis=analysis,
            image=image,
            preview=order.preview,
            out=out,
        )
        rendered = await backend.render(clip_order, context)
    context.spend(rendered.cpu_seconds)
    if rendered.frames != shot.frames:
        text = f"The clip of {shot.scene.id} has {rendered.frames} of {shot.frames} frames."
        raise Retryable("media_tool_failed", text)
    blob = await store.put_file(out, CLIP_TYPE)
    log.info("rendered %s: %d frames, %d bytes", shot.scene.id, rendered.frames, blob.size)
    clip = Clip(scene_id=shot.scene.id, lead=shot.lead, frames=shot.frames, blob=blob)
    fact = TakeRendered(
        clip=clip,
        backend=rendered.backend,
        seed=rendered.seed,
        workflow=rendered.workflow,
        fallback=rendered.fallback,
    )
    return Made(facts=[fact], usage=Usage(cpu_seconds=rendered.cpu_seconds), lasting=not rendered.fallback)
