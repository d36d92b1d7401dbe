"""The ComfyUI backend: a still or a shot through a chain of workflows.

A shot that is long is made in pieces, which are then brought to the form that the video wants.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from libs.artifacts.store import ArtifactStore
from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import BeatloomError, BudgetExceeded, InputMissing, JobCancelled, Permanent, Retryable
from libs.contracts.tasks import Task
from libs.media.encoding import INTERIM, Encoding, Quality
from libs.media.frames import parse_fps
from libs.runtime.scratch import Scratch
from libs.runtime.together import together
from libs.runtime.workers import WorkerPool
from services.generator.backend import Backend, ClipOrder, RenderedClip, RenderedStill, StillOrder
from services.generator.comfyui.binding import MAX_SEED, Values
from services.generator.comfyui.conform import ConformOrder, conform, last_frame
from services.generator.comfyui.direction import by_part, suits, words_of
from services.generator.comfyui.kept import Kept
from services.generator.comfyui.limits import fit_size
from services.generator.comfyui.pieces import Cutting, cut_shot
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.prompter import Prompter
from services.generator.comfyui.request import Request
from services.generator.comfyui.span import cut_span, span_of
from services.generator.comfyui.workflow import FULL, Workflow

VERSION = "2"
"""Raised whenever the same order gives another still or clip."""
CONFORM_S = 900.0
PIECES = 8
"""In so many a shot is looked for when it is called off."""

R = TypeVar("R", RenderedStill, RenderedClip)
W = TypeVar("W", Workflow, Workflow | None)

log = logging.getLogger(__name__)


class _Shoot(NamedTuple):
    """One shot by one workflow."""

    order: ClipOrder
    workflow: Workflow
    folder: Path
    context: TaskContext


class ComfyBackend:
    """stills, chain: the workflows to try in order, for stills and for clips; None: `builtin`. workflows: those of
    the chain and their continuations, by name."""

    name = "comfyui"

    def __init__(
        self,
        stills: Sequence[Workflow],
        chain: Sequence[Workflow | None],
        workflows: Mapping[str, Workflow],
        *,
        pool: Pool,
        prompter: Prompter,
        builtin: Backend,
        store: ArtifactStore,
        workers: WorkerPool,
        scratch: Scratch,
        quality: Quality,
    ) -> None:
        self._stills = stills
        self._chain = chain
        self._workflows = workflows
        self._pool = pool
        self._prompter = prompter
        self._kept = Kept(prompter, store, workers)
        self._builtin = builtin
        self._store = store
        self._workers = workers
        self._scratch = scratch
        self._quality = quality

    @property
    def version(self) -> str:
        """The code's version, what is in the workflows, and the settings that change the clip."""
        chains = (*self._chain, *self._stills)
        graphs = repr([(one.name, one.graph, one.profiles) if one else None for one in chains])
        digest = hashlib.sha256(graphs.encode()).hexdigest()[:12]
        return f"{VERSION}-{digest}-{self._quality.preset}-{self._quality.crf}"

    async def imagine(self, order: StillOrder, context: TaskContext) -> RenderedStill:
        """The still by the first workflow that gives one, of those that take the theme picture if there is one.

        Raises Permanent("workflow_unsupported") where no clip could begin with it: it costs nothing then.
        """
        if not any(one is not None and one.takes("image") for one in self._chain):
            raise Permanent("workflow_unsupported", "No workflow of the chain begins with a picture.")
        chain = [one for one in self._stills if suits(one, picture=order.image is not None)]
        return await self._first(chain, lambda workflow: self._pictured(order, workflow, context))

    async def render(self, order: ClipOrder, context: TaskContext) -> RenderedClip:
        """The clip by the first workflow of the chain that gives one.

        Previews are drawn: they shall be there at once; so are titles, which models can't write. What is drawn in
        place of a workflow is marked so, and done only when the order allows it.
        """
        if order.preview or order.drawn:
            return await self._builtin.render(order, context)
        picture = order.still is not None or order.image is not None
        sound = order.song is not None
        wanted = by_part(self._chain, performs=bool(order.shot.scene.performance))
        chain = [one for one in wanted if one is None or suits(one, picture=picture, sound=sound)]
        if not order.fill and any(chain):
            chain = [one for one in chain if one is not None]
        clip = await self._first(chain, lambda workflow: self._clip(order, workflow, context))
        stands_in = clip.backend == self._builtin.name and self._chain[0] is not None
        return replace(clip, fallback=clip.fallback or stands_in)

    async def _first(self, chain: Sequence[W], make: Callable[[W], Awaitable[R]]) -> R:
        """What the first of a chain makes that can. What failed before it is told in the log.

        Raises the last one's error. Cancelled work, a full budget and a missing input end it at once.
        """
        failure: BeatloomError | None = None
        for workflow in chain:
            try:
                made = await make(workflow)
            except (JobCancelled, BudgetExceeded, InputMissing):
                raise
            except BeatloomError as error:
                log.warning("%s: %s", self._builtin.name if workflow is None else workflow.name, error)
                failure = error
            else:
                return replace(made, fallback=failure is not None)
        raise failure or Permanent("workflow_unsupported", "No workflow of the chain can make this.")

    async def check(self) -> None:
        """Readiness: raises Retryable while no server answers, unless the builtin renderer can stand in."""
        if None not in self._chain:
            await self._pool.check()

    async def abandon(self, task: Task) -> None:
        """Call off what an earlier process has sent for a task whose run has ended."""
        for workflow in self._stills if task.kind == "imagine" else self._chain:
            if workflow is not None:
                await together(
                    *(self._prompter.call_off(_work(task, workflow, number)) for number in range(PIECES))
                )

    # One workflow.

    async def _pictured(self, order: StillOrder, workflow: Workflow, context: TaskContext) -> RenderedStill:
        still, task = order.still, context.task
        size = fit_size(workflow.limits_of(FULL), still.width, still.height)
        request = Request(
            work=_work(task, workflow, 0),
            group=task.job_id,
            workflow=workflow,
            values={**words_of(still), "width": size[0], "height": size[1]},
            files=_files(workflow, order.image),
            seed=still.seed % MAX_SEED,
            frames=1,
        )
        async with self._scratch.folder() as folder:
            blob, seed = await self._kept.make(request, task.owner, folder, context)
        async with self._store.local(blob) as path:
            await asyncio.to_thread(shutil.copyfile, path, order.out)
        return RenderedStill(media_type=blob.media_type, seed=seed, backend=self.name, workflow=workflow.name)

    async def _clip(self, order: ClipOrder, workflow: Workflow | None, context: TaskContext) -> RenderedClip:
        if workflow is None:
            return await self._builtin.render(order, context)
        async with self._scratch.folder() as folder:
            return await self._filmed(_Shoot(order, workflow, folder, context))

    async def _filmed(self, shoot: _Shoot) -> RenderedClip:
        order, workflow = shoot.order, shoot.workflow
        fps = parse_fps(order.fps)
        cutting = cut_shot(
            workflow.limits, frames=order.shot.frames, fps=fps, continues=bool(workflow.continue_with)
        )
        async with AsyncExitStack() as stack:
            files: list[Path] = []
            seed = order.shot.scene.seed
            for number in range(len(cutting.pieces)):
                image = (
                    order.still or order.image
                    if number == 0
                    else await self._end_of(files[-1], cutting, number, shoot)
                )
                blob, seed = await self._piece(shoot, cutting, number, image)
                files.append(await stack.enter_async_context(self._store.local(blob)))
            encoding = Encoding(order.width, order.height, fps, INTERIM if order.interim else self._quality)
            work = await self._workers.run(
                conform,
                ConformOrder(tuple(files), cutting, order.shot, encoding, order.out),
                timeout_s=CONFORM_S,
            )
        if work.value.fault:
            raise Retryable("gpu_bad_output", work.value.message)
        return RenderedClip(
            frames=work.value.frames,
            seed=seed,
            cpu_seconds=work.cpu_seconds,
            backend=self.name,
            workflow=workflow.name,
        )

    async def _piece(self, shoot: _Shoot, cutting: Cutting, number: int, image: Path | None) -> tuple[Blob, int]:
        """What the workflow makes of one piece, and with which seed; found if it was made before."""
        order, task, piece = shoot.order, shoot.context.task, cutting.pieces[number]
        workflow = shoot.workflow if number == 0 else self._workflows[shoot.workflow.continue_with]
        size = fit_size(workflow.limits_of(FULL), order.width, order.height)
        values: Values = {
            **words_of(order.shot.scene),
            "width": size[0],
            "height": size[1],
            "frames": piece.frames,
            "fps": float(cutting.fps),
        }
        request = Request(
            work=_work(task, shoot.workflow, number),
            group=task.job_id,
            workflow=workflow,
            values=values,
            files=_files(workflow, image) | await self._sound(shoot, workflow, cutting, number),
            seed=(order.shot.scene.seed + number) % MAX_SEED,
            frames=piece.frames,
        )
        return await self._kept.make(request, task.owner, shoot.folder, shoot.context)

    async def _sound(self, shoot: _Shoot, workflow: Workflow, cutting: Cutting, number: int) -> dict[str, Path]:
        """The part of the song that is heard with a piece, for a workflow that moves to it."""
        order = shoot.order
        if order.song is None or not workflow.takes("audio"):
            return {}
        out = shoot.folder / f"piece{number}.wav"
        start, seconds = span_of(order.shot, parse_fps(order.fps), cutting, cutting.pieces[number])
        async with self._store.local(order.song) as song:
            await self._workers.run(cut_span, song, start, seconds, out, timeout_s=CONFORM_S)
        return {"audio": out}

    async def _end_of(self, file: Path, cutting: Cutting, number: int, shoot: _Shoot) -> Path:
        """The frame with which the next piece begins, as a picture."""
        picture = shoot.folder / f"piece{number}.png"
        last = cutting.pieces[number - 1].frames - 1
        await self._workers.run(last_frame, file, last, picture, timeout_s=CONFORM_S)
        return picture


def _work(task: Task, workflow: Workflow, number: int) -> str:
    return f"{task.message_id}/{workflow.name}/{number}"


def _files(workflow: Workflow, image: Path | None) -> dict[str, Path]:
    return {"image": image} if image is not None and workflow.takes("image") else {}
