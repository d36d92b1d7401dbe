"""Where scripts are narrated in tests."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
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
from libs.media.loudness import Loudness, LoudnessMeter
from libs.media.sound import mono_chunks
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.voice.narrate import Narrator
from services.generator.voice.port import Voice
from services.generator.voice.slots import RATE, sample_at
from services.generator.voice.speaking import Speaker

Sound = npt.NDArray[np.float32]


class Booth:
    """A narrator for any voice, and the store of what it makes."""

    def __init__(self, store: ArtifactStore, scratch: Scratch, workers: WorkerPool) -> None:
        self.store, self.scratch, self.workers = store, scratch, workers
        self.said: list[Progress] = []

    def narrator(self, voice: Voice, at_once: int = 2) -> Narrator:
        speaker = Speaker(self.store, voice, at_once=at_once)
        return Narrator(self.store, self.scratch, self.workers, speaker, timeout_s=300.0)

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


def loudness(sound: Sound) -> Loudness:
    meter = LoudnessMeter()
    frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
    frame.sample_rate = RATE
    meter.add(frame)
    found = meter.loudness()
    assert found is not None
    return found


def slot_bounds(narration: Narration) -> list[tuple[int, int, int]]:
    """Of each sentence, in samples: where its slot begins, where its speech ends, where its slot ends."""
    fps = Fraction(narration.fps)
    bounds = []
    for one in narration.sentences:
        start, end = sample_at(one.start_frame, fps), sample_at(one.start_frame + one.frames, fps)
        bounds.append((start, start + round(one.speech_s * RATE), end))
    return bounds


def likeness(heard: Sound, wanted: Sound, window: int = 0) -> float:
    """How far two sounds are the same at another level, by correlation, in the least alike window."""
    edge = 600
    window = window or len(wanted) - 2 * edge
    starts = range(edge, len(wanted) - edge - window + 1, window)
    pairs = [(heard[at : at + window], wanted[at : at + window]) for at in starts]
    return min(float(np.corrcoef(one, two)[0, 1]) for one, two in pairs if two.std() > 0.002)


def resampled(made: Sound, rate: int) -> Sound:
    """What an engine made, at the narration's rate: by its spectrum, without the code that is tested."""
    count = round(len(made) * RATE / rate)
    spectrum = np.zeros(count // 2 + 1, np.complex128)
    own = np.fft.rfft(made)
    kept = min(len(own), len(spectrum))
    spectrum[:kept] = own[:kept]
    return np.fft.irfft(spectrum, count).astype(np.float32)
