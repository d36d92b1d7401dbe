"""The ComfyUI backend: a shot through a chain of workflows, in pieces where it is long, then as the video wants it.

What a workflow has made is kept under a digest of its graph, inputs, models and seed, so that the same request of
the same user costs nothing a second time, whatever job it stands in and however far an earlier delivery came.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from libs.artifacts.results import find_blob, keep_blob
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.errors import BeatloomError, BudgetExceeded, InputMissing, JobCancelled, Permanent, Retryable
from libs.contracts.tasks import Task
from libs.media.encoding import Encoding, Quality
from libs.media.frames import parse_fps
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.backend import Backend, ClipOrder, RenderedClip
from services.generator.comfyui.binding import MAX_SEED, Values, request_digest
from services.generator.comfyui.conform import ConformOrder, conform, last_frame
from services.generator.comfyui.direction import suits, words_of
from services.generator.comfyui.limits import fit_size
from services.generator.comfyui.pieces import Cutting, Piece, cut_shot
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.prompter import Prompter, Request
from services.generator.comfyui.workflow import FULL, Workflow

VERSION = "1"
"""Raised whenever the same order gives another clip."""
CONFORM_S = 900.0

log = logging.getLogger(__name__)


class _Shoot(NamedTuple):
    """One shot by one workflow."""

    order: ClipOrder
    workflow: Workflow
    folder: Path
    context: TaskContext


class ComfyBackend:
    """chain: the workflows to try in order; None: `builtin`. workflows: those and their continuations, by name."""

    name = "comfyui"

    def __init__(
        self,
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
        self._chain = chain
        self._workflows = workflows
        self._pool = pool
        self._prompter = prompter
        self._builtin = builtin
        self._store = store
        self._workers = workers
        self._scratch = scratch
        self._quality = quality

    @property
    def version(self) -> str:
        """The code's version, what is in the workflows, and the settings that change the clip."""
        graphs = repr([(one.name, one.graph, one.profiles) if one else None for one in self._chain])
        digest = hashlib.sha256(graphs.encode()).hexdigest()[:12]
        return f"{VERSION}-{digest}-{self._quality.preset}-{self._quality.crf}"

    async def render(self, order: ClipOrder, context: TaskContext) -> RenderedClip:
        """The clip by the first workflow of the chain that gives one. What failed before it is told in the log.

        Previews are drawn: they shall be there at once. Raises the last one's error. Cancelled work, a full budget
        and a missing input end it at once.
        """
        if order.preview:
            return await self._builtin.render(order, context)
        failure: BeatloomError | None = None
        for workflow in self._chain:
            if workflow is not None and not suits(workflow, picture=order.image is not None):
                continue
            try:
                if workflow is None:
                    clip = await self._builtin.render(order, context)
                else:
                    async with self._scratch.folder() as folder:
                        clip = await self._filmed(_Shoot(order, workflow, folder, context))
            except (JobCancelled, BudgetExceeded, InputMissing):
                raise
            except BeatloomError as error:
                log.warning("%s: %s", workflow.name if workflow else self._builtin.name, error)
                failure = error
            else:
                return replace(clip, fallback=failure is not None)
        raise failure or Permanent("workflow_unsupported", "No workflow of the chain can make this shot.")

    async def check(self) -> None:
        """Readiness: raises Retryable while no server answers, unless the builtin renderer can stand in."""
        if None not in self._chain:
            await self._pool.check()

    async def abandon(self, task: Task) -> None:
        """Call off what an earlier process has sent for a task whose run has ended."""
        for workflow in self._chain:
            if workflow is not None:
                await self._prompter.call_off(_work(task, workflow, 0))

    # One workflow.

    async def _filmed(self, shoot: _Shoot) -> RenderedClip:
        order, workflow = shoot.order, shoot.workflow
        fps = parse_fps(order.fps)
        cutting = cut_shot(
            workflow.limits, frames=order.shot.frames, fps=fps, continues=bool(workflow.continue_with)
        )
        async with AsyncExitStack() as stack:
            files: list[Path] = []
            seed = order.shot.scene.seed
            for number, piece in enumerate(cutting.pieces):
                image = order.image if number == 0 else await self._end_of(files[-1], cutting, number, shoot)
                blob, seed = await self._piece(shoot, piece, number, image, cutting.fps)
                files.append(await stack.enter_async_context(self._store.local(blob)))
            encoding = Encoding(order.width, order.height, fps, self._quality)
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

    async def _piece(
        self, shoot: _Shoot, piece: Piece, number: int, image: Path | None, rate: Fraction
    ) -> tuple[Blob, int]:
        """What the workflow makes of one piece, and with which seed; found if it was made before."""
        order, task = shoot.order, shoot.context.task
        workflow = shoot.workflow if number == 0 else self._workflows[shoot.workflow.continue_with]
        size = fit_size(workflow.limits_of(FULL), order.width, order.height)
        files = {"image": image} if image is not None and workflow.takes("image") else {}
        values: Values = {
            **words_of(order.shot.scene),
            "width": size[0],
            "height": size[1],
            "frames": piece.frames,
            "fps": float(rate),
        }
        seed = (order.shot.scene.seed + number) % MAX_SEED
        key = await asyncio.to_thread(_key, task.owner, workflow, values, files, seed)
        blob = await find_blob(self._store, key)
        if blob is not None:
            return blob, seed
        rendered = await self._prompter.make(
            Request(
                work=_work(task, shoot.workflow, number),
                group=task.job_id,
                workflow=workflow,
                values=values,
                files=files,
                seed=seed,
                frames=piece.frames,
            ),
            shoot.folder,
            shoot.context,
        )
        blob = await self._store.put_file(rendered.path, "video/mp4")
        return await keep_blob(self._store, key, blob), rendered.seed

    async def _end_of(self, file: Path, cutting: Cutting, number: int, shoot: _Shoot) -> Path:
        """The frame with which the next piece begins, as a picture."""
        picture = shoot.folder / f"piece{number}.png"
        last = cutting.pieces[number - 1].frames - 1
        await self._workers.run(last_frame, file, last, picture, timeout_s=CONFORM_S)
        return picture


def _work(task: Task, workflow: Workflow, number: int) -> str:
    return f"{task.message_id}/{workflow.name}/{number}"


def _key(owner: str, workflow: Workflow, values: Values, files: Mapping[str, Path], seed: int) -> str:
    """The key of what such a request gives. Blocks."""
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    digest = request_digest(workflow, {**values, **digests, "seed": seed})
    return result_key("prompt", VERSION, owner, {"graph": digest})
