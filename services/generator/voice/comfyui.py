"""The engine of ComfyUI workflows: a sentence is a prompt, which the pool gives to a server as it does all others.

Leases, budget and cancelling hold for it as for clips; so does that the same request costs nothing a second time.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import msgspec
import numpy as np

from libs.artifacts.store import ArtifactStore
from libs.bus.handler import TaskContext
from libs.contracts.errors import Permanent, Retryable
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from libs.script.pauses import speech_s
from libs.script.words import is_sayable
from services.generator.comfyui.binding import MAX_SEED, Values, bind
from services.generator.comfyui.graph import Place
from services.generator.comfyui.kept import Kept
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.request import Request, values_of
from services.generator.comfyui.sounds import make_sound
from services.generator.comfyui.validate import flaws
from services.generator.comfyui.workflow import FULL, Workflow
from services.generator.voice.align import ALIGNED
from services.generator.voice.port import Line, Speech
from services.generator.voice.sound_sent import DECODE_S, RATE, read_sound

VERSION = "1"
"""Raised whenever the same line gives another sound."""
STEP_S = 5.0
"""What is learned of how long prompts take is learned for sentences as long as this, twice this, and so on."""
FRAMES = 24
"""A second of speech counts as so many frames of a clip, where nothing is known yet."""


class ComfyVoice:
    """Speaks by a workflow. It gives no times: they are found by `align`.

    What an earlier process has sent for a task that ended since is not called off: it is a sentence each.
    """

    name = "comfyui"

    def __init__(
        self,
        workflow: Workflow,
        live: Callable[[], tuple[Pool, Kept]],
        *,
        voice: str,
        store: ArtifactStore,
        workers: WorkerPool,
        scratch: Scratch,
    ) -> None:
        """live: what lives as long as the bus; raises Retryable("bus_unavailable") before. voice: the default, "":
        that which is written in the graph. scratch must be open when something is said."""
        self._workflow = workflow
        self._voice = voice
        self._live = live
        self._store = store
        self._workers = workers
        self._scratch = scratch

    @property
    def version(self) -> str:
        """Of the code, the workflow, and how times are found."""
        told = repr((self._workflow.name, self._workflow.graph, self._workflow.profiles))
        return f"{VERSION}.{ALIGNED}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"

    def named(self, voice: str) -> str:
        """See Voice. Which there are, the servers' nodes know; the one in the graph has the workflow's name."""
        own = self._workflow.name
        name = voice or self._voice or own
        if name != own and not self._workflow.takes("voice"):
            raise Permanent("voice_unknown", f"There is no voice {name[:60]!r}: {own} takes none but its own.")
        return name

    def language(self, voice: str) -> str:
        """Any."""
        return ""

    async def say(self, line: Line, context: TaskContext) -> Speech:
        """See Voice. Raises Permanent (voice_unavailable, voice_failed) where no server can, or three prompts gave
        nothing; BudgetExceeded."""
        if not any(map(is_sayable, line.words)):
            return Speech(sound=np.zeros(0, np.float32), rate=RATE, words=None)
        request = self._request(line, context)
        pool, kept = self._live()
        self._must_be_offered(request, pool)
        blob, _ = await make_sound("voice", request, kept, self._scratch, context)
        async with self._store.local(blob) as path:
            work = await self._workers.run(read_sound, path, timeout_s=DECODE_S)
        context.spend(work.cpu_seconds)
        bill = context.bill_of(request.work)
        if bill.gpu_seconds:
            bill = msgspec.structs.replace(bill, characters=len(line.text))
            context.bill(request.work, bill)
        return Speech(sound=work.value, rate=RATE, words=None, bill=bill)

    async def check(self) -> None:
        """See Voice."""
        try:
            await self._live()[0].check()
        except Retryable as error:
            raise Retryable("voice_unavailable", error.message, hint=error.hint) from error

    def _must_be_offered(self, request: Request, pool: Pool) -> None:
        """Raises Permanent (voice_unknown, voice_failed) for a choice that no server's nodes have: one to
        which it was sent would count as unable to run the workflow at all."""
        graph = bind(self._workflow, values_of(request, FULL, request.seed), prefix="")
        chosen = {
            target.place: "voice_unknown" if name == "voice" else "voice_failed"
            for name in ("voice", "language", "speed")
            for target in self._workflow.parameters.get(name, ())
        }
        wrong = [
            [flaw for flaw in flaws(graph, server.facts.object_info) if Place(flaw.node, flaw.input) in chosen]
            for server in pool.roster.servers.values()
            if server.present and server.facts is not None
        ]
        if wrong and all(wrong):
            flaw = wrong[0][0]
            raise Permanent(chosen[Place(flaw.node, flaw.input)], flaw.message)

    def _request(self, line: Line, context: TaskContext) -> Request:
        values: Values = {"text": line.text, "speed": line.speed}
        voice = self.named(line.voice)
        if voice != self._workflow.name:
            values = {**values, "voice": voice}
        if line.language:
            values = {**values, "language": line.language}
        said = hashlib.sha256(repr((line.text, voice, line.speed, line.language)).encode()).hexdigest()
        seconds = speech_s(line.text) / line.speed
        return Request(
            work=f"{context.task.message_id}/{self._workflow.name}/{said[:16]}",
            group=context.task.job_id,
            workflow=self._workflow,
            values=values,
            files={},
            seed=int(said[:12], 16) % MAX_SEED,
            frames=math.ceil(seconds / STEP_S) * round(STEP_S * FRAMES),
        )
