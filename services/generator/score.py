"""What the generator does on the task `score`: a prompt becomes the music under a voice, by a workflow of ComfyUI.

Leases, budget and cancelling hold for it as for clips; so does that the same music costs nothing a second time.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from libs.artifacts.store import ArtifactStore
from libs.bus.handler import TaskContext
from libs.contracts.errors import Permanent
from libs.contracts.facts import ScoreRendered, WorkFact
from libs.contracts.tasks import Score, Task
from libs.media.probe import probe_song
from libs.runtime.disk import full_disk_is_retryable
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.comfyui.binding import MAX_SEED
from services.generator.comfyui.kept import Kept
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.request import Request
from services.generator.comfyui.sounds import make_sound
from services.generator.comfyui.workflow import Workflow

BACKEND = "comfyui"
NO_WORDS = "[instrumental]"
"""What workflows for songs take as lyrics when nobody is to sing."""
FRAMES = 2
"""A second of music counts as so many frames of a clip, where nothing is known yet."""

log = logging.getLogger(__name__)


class Scorer:
    """Makes music by a workflow."""

    def __init__(
        self,
        workflow: Workflow | None,
        live: Callable[[], tuple[Pool, Kept]] | None,
        *,
        store: ArtifactStore,
        workers: WorkerPool,
        scratch: Scratch,
    ) -> None:
        """live: what lives as long as the bus; raises Retryable("bus_unavailable") before. None: there are no
        servers. scratch must be open when music is made."""
        self._workflow = workflow
        self._live = live
        self._store = store
        self._workers = workers
        self._scratch = scratch

    async def score(self, task: Task, context: TaskContext) -> list[WorkFact]:
        """The handler.

        Raises Permanent: music_unavailable where there are no servers, or none can; music_failed where three
        prompts gave nothing of use; Retryable("music_unavailable") while no server answers; BudgetExceeded.
        """
        order = task.body
        assert isinstance(order, Score)
        if self._workflow is None or self._live is None:
            raise Permanent("music_unavailable", "Music is made on GPU servers, and there are none.")
        workflow, (_, kept) = self._workflow, self._live()
        with full_disk_is_retryable():
            blob, seed = await make_sound("music", request_of(task, workflow), kept, self._scratch, context)
            async with self._store.local(blob) as path:
                try:
                    heard = await probe_song(path, self._workers)
                except Permanent as error:
                    raise Permanent("music_failed", f"{error.message} ({error.code})") from error
        log.info("made %.1f s of music, %d bytes", heard.duration, blob.size)
        fact = ScoreRendered(sound=blob, seconds=heard.duration, workflow=workflow.name, backend=BACKEND, seed=seed)
        return [fact]

    async def abandon(self, task: Task) -> None:
        """Call off what an earlier process has sent for a task whose run has ended. Raises Retryable."""
        if self._workflow is not None and self._live is not None:
            await self._live()[1].call_off(request_of(task, self._workflow).work)


def request_of(task: Task, workflow: Workflow) -> Request:
    """What is asked of the workflow: as much of the order as its limit allows. Pure."""
    order = task.body
    assert isinstance(order, Score)
    seconds = min(order.seconds, workflow.longest_s or order.seconds)
    return Request(
        work=f"{task.message_id}/{workflow.name}",
        group=task.job_id,
        workflow=workflow,
        values={"prompt": order.prompt, "lyrics": NO_WORDS, "seconds": seconds},
        files={},
        seed=order.seed % MAX_SEED,
        frames=math.ceil(seconds * FRAMES),
    )
