"""Where scripts are narrated in tests."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from libs.artifacts.store import ArtifactStore
from libs.bus.handler import TaskContext
from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import Blob
from libs.contracts.facts import VoiceRendered
from libs.contracts.jobs import JobOptions
from libs.contracts.messages import Progress
from libs.contracts.scripts import Narration, Script
from libs.contracts.tasks import Task
from libs.contracts.tasks import Voice as VoiceOrder
from libs.media.sound import mono_chunks
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.voice.narrate import Narrator
from services.generator.voice.port import Voice
from services.generator.voice.slots import RATE
from services.generator.voice.speaking import Speaker

Sound = npt.NDArray[np.float32]


class Booth:
    """A narrator for any voice, and the store of what it makes."""

    def __init__(self, store: ArtifactStore, scratch: Scratch, workers: WorkerPool) -> None:
        self.store, self.scratch, self.workers = store, scratch, workers
        self.said: list[Progress] = []

    def narrator(self, voice: Voice, at_once: int = 2) -> Narrator:
        speaker = Speaker(self.store, voice, at_once=at_once)
        return Narrator(self.store, self.scratch, self.workers, speaker, timeout_s=60.0)

    async def narrate(
        self, engine: Voice, text: str, *, owner: str = "ann", language: str = "", **options: Any
    ) -> VoiceRendered:
        return await self.by(self.narrator(engine), text, owner=owner, language=language, **options)

    async def by(
        self, narrator: Narrator, text: str, *, owner: str = "ann", language: str = "", **options: Any
    ) -> VoiceRendered:
        script = Script(text=text, language=language)
        body = VoiceOrder(
            script=await self.store.put_bytes(msgspec.json.encode(script), "application/json"),
            options=JobOptions(**options),
        )
        task = Task(job_id="j1", run=1, task="voice", attempt=1, owner=owner, body=body)
        self.context = TaskContext(task, self.said.append)
        (fact,) = await narrator.narrate(task, self.context)
        assert isinstance(fact, VoiceRendered)
        return fact

    async def narration(self, fact: VoiceRendered) -> Narration:
        return msgspec.json.decode(await self.bytes(fact.narration), type=Narration)

    async def analysis(self, fact: VoiceRendered) -> Analysis:
        return msgspec.json.decode(await self.bytes(fact.analysis), type=Analysis)

    async def bytes(self, blob: Blob) -> bytes:
        data = await self.store.get_bytes(blob.key)
        assert data is not None
        return data

    async def sound(self, blob: Blob) -> Sound:
        async with self.store.local(blob) as path:
            return np.concatenate(list(mono_chunks(path, RATE)))

    async def records(self) -> int:
        return len([item async for item in self.store.list("result/")])
