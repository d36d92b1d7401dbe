"""What the planner does on each task: `plan` becomes a storyboard in the store, and the shots to make."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from libs.artifacts.results import Made, find_or_make
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.analysis import Analysis, Notice
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.errors import InputMissing, Permanent
from libs.contracts.facts import StoryboardPlanned, Usage, WorkFact
from libs.contracts.looks import catalogue_digest
from libs.contracts.scripts import Narration, Script
from libs.contracts.storyboard import Shot, Storyboard
from libs.contracts.tasks import Plan, Task, TaskKind
from libs.picture.facts import PictureFacts, read_facts
from libs.runtime.workers import WorkerPool
from services.planner import narrated
from services.planner.plan import NO_GPU, VERSION, Gpu, plan
from services.planner.scenes import wanted_lyrics
from services.planner.settings import PlannerSettings

JSON_TYPE = "application/json"
T = TypeVar("T", bound=msgspec.Struct)

log = logging.getLogger(__name__)


class Telling(NamedTuple):
    """What a narrated video is planned by, as JSON."""

    narration: bytes
    script: bytes | None = None
    bed: bytes | None = None
    """The analysis of the music under the voice."""


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
    """The key of the record of a plan: what is heard or told, the theme picture, the seed, the looks there are,
    and the options that matter.

    A preview has the plan of the whole video.
    """
    options = order.options
    inputs: dict[str, Any] = {
        "seed": order.seed,
        "image": order.image.sha256 if order.image is not None else None,
        "looks": catalogue_digest(),
        "options": [options.prompt, options.style, options.aspect, options.height, options.fps],
        "words": [options.title, wanted_lyrics(options)],
    }
    if order.narration is None:
        inputs["analysis"] = order.analysis.sha256
        wishes = [order.characters, options.clip_seconds, options.performance_density]
    else:
        told = (order.narration, order.script, order.bed)
        inputs["told"] = [narrated.VERSION, *(blob.sha256 if blob is not None else None for blob in told)]
        wishes = [order.characters]
    if gpu != NO_GPU:
        inputs["gpu"] = gpu
    if any(wishes):
        inputs["wishes"] = wishes
    return result_key("plan", VERSION, owner, inputs)


async def make_plan(
    order: Plan, store: ArtifactStore, pool: WorkerPool, context: TaskContext, gpu: Gpu, *, timeout_s: float
) -> Made:
    """Direct the video in a child and put the storyboard into the store."""
    make = await _maker(order, store)
    async with contextlib.AsyncExitStack() as inputs:
        image = await inputs.enter_async_context(store.local(order.image)) if order.image is not None else None
        work = await pool.run(make, image, gpu, timeout_s=timeout_s)
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


async def _maker(order: Plan, store: ArtifactStore) -> Callable[[Path | None, Gpu], bytes]:
    """What a child calls, with its documents. Raises InputMissing."""
    if order.narration is None:
        return partial(plan_json, await _read(store, order.analysis), order)
    script = await _read(store, order.script) if order.script is not None else None
    bed = await _read(store, order.bed) if order.bed is not None else None
    return partial(told_json, Telling(await _read(store, order.narration), script, bed), order)


async def _read(store: ArtifactStore, blob: Blob) -> bytes:
    """An input's bytes. Raises InputMissing."""
    found = await store.get_bytes(blob.key)
    if found is None:
        raise InputMissing(blob.sha256)
    return found


def plan_json(heard: bytes, order: Plan, image: Path | None, gpu: Gpu = NO_GPU) -> bytes:
    """Storyboard and shots as JSON, from the JSON of an analysis and the file of a picture: for a child.

    Raises `Permanent("unexpected")` for an analysis that can't be read, `Permanent("bad_image")` for such a
    picture.
    """
    analysis = _decoded(heard, Analysis)
    picture = read_facts(image) if image is not None else None
    storyboard, shots = plan(analysis, order.options, order.seed, picture, gpu, characters=order.characters)
    return msgspec.json.encode(Planned(storyboard, shots, notices_of(picture)))


def told_json(telling: Telling, order: Plan, image: Path | None, gpu: Gpu = NO_GPU) -> bytes:
    """As `plan_json`, of a narrated video."""
    picture = read_facts(image) if image is not None else None
    made = narrated.direct(
        _decoded(telling.narration, Narration),
        order.options,
        order.seed,
        picture,
        gpu,
        prompts=_decoded(telling.script, Script).prompts if telling.script is not None else (),
        characters=order.characters,
        bed=_decoded(telling.bed, Analysis) if telling.bed is not None else None,
    )
    return msgspec.json.encode(Planned(made.storyboard, made.shots, (*notices_of(picture), *made.notices)))


def _decoded(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise Permanent("unexpected", f"The {kind.__name__.lower()} can't be read.") from error


def notices_of(picture: PictureFacts | None) -> tuple[Notice, ...]:
    """What a person should know of the picture that was sent."""
    if picture is None or picture.usable:
        return ()
    message = "The picture has nothing to show: it is too small, or one plain colour. The video is made without it."
    return (Notice(code="plain_picture", message=message),)
