"""What the planner does on each task: `plan` becomes a storyboard in the store, and the shots to make."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from libs.artifacts.results import Made, find_or_make
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.analysis import Analysis, Notice
from libs.contracts.artifacts import result_key
from libs.contracts.errors import InputMissing, Permanent
from libs.contracts.facts import StoryboardPlanned, Usage, WorkFact
from libs.contracts.looks import catalogue_digest
from libs.contracts.storyboard import Shot, Storyboard
from libs.contracts.tasks import Plan, Task, TaskKind
from libs.picture.facts import PictureFacts, read_facts
from libs.runtime.workers import WorkerPool
from services.planner.plan import NO_GPU, VERSION, Gpu, plan
from services.planner.scenes import wanted_lyrics
from services.planner.settings import PlannerSettings

JSON_TYPE = "application/json"

log = logging.getLogger(__name__)


class Planned(msgspec.Struct, frozen=True):
    """What a child gives back."""

    storyboard: Storyboard
    shots: tuple[Shot, ...]
    notices: tuple[Notice, ...] = ()


def make_handlers(store: ArtifactStore, pool: WorkerPool, settings: PlannerSettings) -> Mapping[TaskKind, Handler]:
    """The handlers by task kind."""
    gpu = Gpu(settings.stills, settings.clip_s)

    async def direct(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Plan)

        async def make() -> Made:
            return await make_plan(order, store, pool, context, gpu, timeout_s=settings.plan_timeout_s)

        found = await find_or_make(store, plan_key(task.owner, order, gpu), make)
        if found.reused:
            context.mark_reused()
        return list(found.facts)

    return {"plan": direct}


def plan_key(owner: str, order: Plan, gpu: Gpu = NO_GPU) -> str:
    """The key of the record of a plan: the analysis, the theme picture, the seed, the looks there are, and the
    options that matter.

    A preview has the plan of the whole video.
    """
    options = order.options
    inputs: dict[str, Any] = {
        "analysis": order.analysis.sha256,
        "seed": order.seed,
        "image": order.image.sha256 if order.image is not None else None,
        "looks": catalogue_digest(),
        "options": [options.prompt, options.style, options.aspect, options.height, options.fps],
        "words": [options.title, wanted_lyrics(options)],
    }
    if gpu != NO_GPU:
        inputs["gpu"] = gpu
    wishes = [order.characters, options.clip_seconds, options.performance_density]
    if any(wishes):
        inputs["wishes"] = wishes
    return result_key("plan", VERSION, owner, inputs)


async def make_plan(
    order: Plan, store: ArtifactStore, pool: WorkerPool, context: TaskContext, gpu: Gpu, *, timeout_s: float
) -> Made:
    """Direct the video in a child and put the storyboard into the store."""
    heard = await store.get_bytes(order.analysis.key)
    if heard is None:
        raise InputMissing(order.analysis.sha256)
    async with contextlib.AsyncExitStack() as inputs:
        image = await inputs.enter_async_context(store.local(order.image)) if order.image is not None else None
        work = await pool.run(
            plan_json,
            heard,
            order,
            image,
            gpu,
            timeout_s=timeout_s,
        )
    context.spend(work.cpu_seconds)
    planned = msgspec.json.decode(work.value, type=Planned)
    board = planned.storyboard
    blob = await store.put_bytes(msgspec.json.encode(board), JSON_TYPE)
    log.info("planned %d scenes over %d frames", len(board.scenes), board.frames)
    fact = StoryboardPlanned(
        storyboard=blob,
        fps=board.fps,
        frames=board.frames,
        width=board.width,
        height=board.height,
        shots=planned.shots,
        notices=planned.notices,
        stills=board.stills or (),
    )
    return Made(facts=[fact], usage=Usage(cpu_seconds=work.cpu_seconds))


def plan_json(heard: bytes, order: Plan, image: Path | None, gpu: Gpu = NO_GPU) -> bytes:
    """Storyboard and shots as JSON, from the JSON of an analysis and the file of a picture: for a child.

    Raises `Permanent("unexpected")` for an analysis that can't be read, `Permanent("bad_image")` for such a
    picture.
    """
    try:
        analysis = msgspec.json.decode(heard, type=Analysis)
    except msgspec.DecodeError as error:
        raise Permanent("unexpected", "The analysis can't be read.") from error
    picture = read_facts(image) if image is not None else None
    storyboard, shots = plan(analysis, order.options, order.seed, picture, gpu, characters=order.characters)
    return msgspec.json.encode(Planned(storyboard, shots, notices_of(picture)))


def notices_of(picture: PictureFacts | None) -> tuple[Notice, ...]:
    """What a person should know of the picture that was sent."""
    if picture is None or picture.usable:
        return ()
    message = "The picture has nothing to show: it is too small, or one plain colour. The video is made without it."
    return (Notice(code="plain_picture", message=message),)
