"""What the generator does on each task: `imagine` becomes a still in the store, `animate` a clip."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from libs.artifacts.results import Made, find_or_make
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.errors import InputMissing, Retryable
from libs.contracts.facts import StillRendered, TakeRendered, WorkFact
from libs.contracts.looks import looks_by_name
from libs.contracts.storyboard import Clip, Scene, Shot
from libs.contracts.tasks import Animate, Imagine, Task, TaskKind
from libs.media.encoding import Encoding, Quality
from libs.media.frames import parse_fps
from libs.runtime.disk import full_disk_is_retryable
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.backend import Backend, ClipOrder, StillOrder
from services.generator.builtin.render import borders
from services.generator.own import BACKEND, VERSION, OwnClip, fit_clip
from services.generator.own_clock import on_own_clock

CLIP_TYPE = "video/mp4"
JSON_TYPE = "application/json"

log = logging.getLogger(__name__)


class Fitting(NamedTuple):
    """What a person's own clips are fitted with."""

    workers: WorkerPool
    quality: Quality
    timeout_s: float


def make_handlers(
    store: ArtifactStore, backend: Backend, scratch: Scratch, fitting: Fitting
) -> Mapping[TaskKind, Handler]:
    """The handlers by task kind, but for `voice` and `score`. The scratch folder must be open."""

    async def found(key: str, make: Callable[[Path], Awaitable[Made]], context: TaskContext) -> list[WorkFact]:
        async def make_it() -> Made:
            with full_disk_is_retryable():
                async with scratch.folder() as folder:
                    return await make(folder)

        standing = await find_or_make(store, key, make_it, work=context.task.message_id)
        if standing.reused:
            context.mark_reused()
        if standing.untold:
            context.take_over(standing.usage)
        return list(standing.facts)

    async def imagine(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Imagine)
        key = imagine_key(task.owner, order, backend)
        return await found(key, lambda folder: picture(order, store, backend, folder / "still", context), context)

    async def animate(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Animate)
        if order.clip is not None:
            key = own_key(task.owner, order, fitting.quality)
            return await found(
                key, lambda folder: fit(order, store, fitting, folder / "clip.mp4", context), context
            )
        asked, heard = await localized(order, store) if runs_by_itself(order) else (order, None)

        async def make(folder: Path) -> Made:
            if heard is not None:
                await store.put_bytes(heard, JSON_TYPE)
            return await render(asked, store, backend, folder / "clip.mp4", context)

        facts = await found(animate_key(task.owner, asked, backend), make, context)
        return [placed(fact, order.shot) for fact in facts]

    return {"imagine": imagine, "animate": animate}


def runs_by_itself(order: Animate) -> bool:
    """Whether the clip has its own clock; a performance moves to its part of the sound wherever that lies."""
    return order.own_clock and not order.shot.scene.performance


async def localized(order: Animate, store: ArtifactStore) -> tuple[Animate, bytes]:
    """The order on its own clock, and its analysis as JSON, which isn't in the store yet. Raises InputMissing."""
    heard = await store.get_bytes(order.analysis.key)
    if heard is None:
        raise InputMissing(order.analysis.sha256)
    analysis = msgspec.json.decode(heard, type=Analysis)
    shot, own = on_own_clock(order.shot, analysis, parse_fps(order.fps))
    data = msgspec.json.encode(own)
    blob = Blob(sha256=sha256(data).hexdigest(), size=len(data), media_type=JSON_TYPE)
    return msgspec.structs.replace(order, shot=shot, analysis=blob, song=None), data


def placed(fact: WorkFact, shot: Shot) -> WorkFact:
    """The fact of a clip, told of the scene that asked for it."""
    if not isinstance(fact, TakeRendered):
        return fact
    clip = msgspec.structs.replace(fact.clip, scene_id=shot.scene.id, lead=shot.lead)
    return msgspec.structs.replace(fact, clip=clip)


def imagine_key(owner: str, order: Imagine, backend: Backend) -> str:
    """The key of the record of a still: all that determines it."""
    inputs = {
        "still": msgspec.to_builtins(order.still),
        "image": order.image.sha256 if order.image is not None else None,
    }
    return result_key("imagine", f"{backend.name}-{backend.version}", owner, inputs)


def animate_key(owner: str, order: Animate, backend: Backend) -> str:
    """The key of the record of a shot's clip: all that determines its frames."""
    inputs: dict[str, Any] = {
        "shot": msgspec.to_builtins(order.shot),
        "analysis": order.analysis.sha256,
        "image": order.image.sha256 if order.image is not None else None,
        "fps": order.fps,
        "size": [order.width, order.height],
        "preview": order.preview,
    }
    if order.still is not None:
        inputs["still"] = order.still.sha256
    if order.interim:
        inputs["interim"] = True
    return result_key("animate", f"{backend.name}-{backend.version}", owner, inputs)


def own_key(owner: str, order: Animate, quality: Quality) -> str:
    """The key of the record of a person's own clip, fitted to its shot."""
    assert order.clip is not None
    inputs: dict[str, Any] = {
        "clip": order.clip.sha256,
        "scene": order.shot.scene.id,
        "span": [order.shot.lead, order.shot.frames, sorted(borders(order.shot))],
        "fps": order.fps,
        "size": [order.width, order.height],
        "quality": list(quality),
    }
    return result_key("animate", f"{BACKEND}-{VERSION}", owner, inputs)


async def fit(order: Animate, store: ArtifactStore, fitting: Fitting, out: Path, context: TaskContext) -> Made:
    """Fit the person's own clip into the file `out` and put it into the store."""
    assert order.clip is not None
    shot = order.shot
    encoding = Encoding(order.width, order.height, parse_fps(order.fps), fitting.quality)
    async with store.local(order.clip) as clip:
        work = await fitting.workers.run(fit_clip, OwnClip(clip, shot, encoding, out), timeout_s=fitting.timeout_s)
    context.spend(work.cpu_seconds)
    blob = await store.put_file(out, CLIP_TYPE)
    log.info("fitted %s: %d frames, %d bytes", shot.scene.id, work.value, blob.size)
    made = Clip(scene_id=shot.scene.id, lead=shot.lead, frames=shot.frames, blob=blob)
    fact = TakeRendered(clip=made, backend=BACKEND, seed=shot.scene.seed)
    return Made(facts=[fact], usage=context.usage)


async def picture(order: Imagine, store: ArtifactStore, backend: Backend, out: Path, context: TaskContext) -> Made:
    """Make the still in the file `out` and put it into the store."""
    async with contextlib.AsyncExitStack() as inputs:
        image = await _local(inputs, store, order.image)
        made = await backend.imagine(StillOrder(still=order.still, image=image, out=out), context)
    blob = await store.put_file(out, made.media_type)
    log.info("made still %s: %d bytes", order.still.id, blob.size)
    fact = StillRendered(
        still_id=order.still.id,
        blob=blob,
        backend=made.backend,
        seed=made.seed,
        workflow=made.workflow,
        fallback=made.fallback,
    )
    return Made(facts=[fact], usage=context.usage, lasting=not made.fallback)


async def _local(inputs: contextlib.AsyncExitStack, store: ArtifactStore, blob: Blob | None) -> Path | None:
    """The file of an input, for as long as the stack lasts. Raises InputMissing."""
    return None if blob is None else await inputs.enter_async_context(store.local(blob))


def writes_title(scene: Scene) -> bool:
    """Whether the scene is a page with a title."""
    look = looks_by_name().get(scene.look)
    return bool(scene.text) and look is not None and look.titles


async def render(order: Animate, store: ArtifactStore, backend: Backend, out: Path, context: TaskContext) -> Made:
    """Render the shot into the file `out` and put it into the store.

    Raises Retryable("media_tool_failed") when the clip hasn't exactly the frames that were asked for.
    """
    shot = order.shot
    async with contextlib.AsyncExitStack() as inputs:
        analysis = await inputs.enter_async_context(store.local(order.analysis))
        clip_order = ClipOrder(
            shot=shot,
            fps=order.fps,
            width=order.width,
            height=order.height,
            analysis=analysis,
            image=await _local(inputs, store, order.image),
            preview=order.preview,
            out=out,
            still=await _local(inputs, store, order.still),
            song=order.song,
            fill=order.fill,
            interim=order.interim,
            drawn=order.own_clock and writes_title(shot.scene),
        )
        rendered = await backend.render(clip_order, context)
    context.spend(rendered.cpu_seconds)
    if rendered.frames != shot.frames:
        text = f"The clip has {rendered.frames} of {shot.frames} frames."
        raise Retryable("media_tool_failed", text)
    blob = await store.put_file(out, CLIP_TYPE)
    log.info("rendered %s: %d frames, %d bytes", context.task.task, rendered.frames, blob.size)
    clip = Clip(scene_id=shot.scene.id, lead=shot.lead, frames=shot.frames, blob=blob)
    fact = TakeRendered(
        clip=clip,
        backend=rendered.backend,
        seed=rendered.seed,
        workflow=rendered.workflow,
        fallback=rendered.fallback,
    )
    return Made(facts=[fact], usage=context.usage, lasting=not rendered.fallback)
