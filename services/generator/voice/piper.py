"""The default engine: Piper voices, spoken by one call in a worker child for each sentence."""

from __future__ import annotations

from importlib.metadata import version

from libs.bus.handler import TaskContext
from libs.contracts.errors import Retryable
from libs.runtime.channel import CallFailed
from libs.runtime.workers import WorkerPool
from services.generator.voice.piper_speak import PiperOrder, speak
from services.generator.voice.piper_voices import PiperVoices
from services.generator.voice.port import Line, Speech

VERSION = "2"
"""Raised whenever the same line gives another sound or other times."""


class Piper:
    """Speaks with onnxruntime and espeak-ng, without a GPU and without a network."""

    name = "piper"

    def __init__(self, pool: WorkerPool, voices: PiperVoices, *, timeout_s: float) -> None:
        """timeout_s: for a sentence, the loading of the model included."""
        self._pool = pool
        self._voices = voices
        self._timeout_s = timeout_s

    @property
    def version(self) -> str:
        """Of the code, our voice, and what says how words are pronounced."""
        return f"{VERSION}-{self._voices.version}-{version('espeakng-loader')}"

    def named(self, voice: str) -> str:
        """See Voice."""
        return self._voices.named(voice)

    def language(self, voice: str) -> str:
        """See Voice."""
        return self._voices.get(voice)[0].config.language

    async def say(self, line: Line, context: TaskContext) -> Speech:
        """See Voice. The same line gives the same samples on the same kind of processor."""
        voice, speaker = self._voices.get(line.voice)
        order = PiperOrder(line, voice.model, voice.path, speaker)
        try:
            work = await self._pool.run(speak, order, timeout_s=self._timeout_s)
        except CallFailed as error:
            raise Retryable("voice_failed", f"{line.text[:60]!r}: {error}".splitlines()[0]) from error
        except Retryable as error:
            if error.code != "unexpected":
                raise
            raise Retryable("voice_failed", f"{line.text[:60]!r}: {error.message}") from error
        context.spend(work.cpu_seconds)
        return work.value

    async def check(self) -> None:
        """See Voice. It needs nothing but this machine and its files."""
        for path in self._voices.files():
            if not path.is_file():
                raise Retryable("voice_unavailable", f"{path.name} is not there.")
