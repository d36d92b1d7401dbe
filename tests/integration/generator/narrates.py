"""A process that narrates a script with the voice of tones, and dies without a word when it comes to a sentence.

Run as `python -m tests.integration.generator.narrates FOLDER SCRIPT SENTENCE`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from libs.artifacts import open_store
from libs.bus.handler import TaskContext
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.voice.port import Line, Speech
from tests.fakes.tone_voice import ToneVoice
from tests.integration.generator.booth import Booth


class DyingVoice(ToneVoice):
    """Never comes to the end of one sentence."""

    def __init__(self, last: str) -> None:
        super().__init__()
        self.last = last

    async def say(self, line: Line, context: TaskContext) -> Speech:
        if line.text == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().say(line, context)


async def main(folder: Path, text: str, last: str) -> None:
    """Narrate, one sentence at a time."""
    async with WorkerPool(1) as workers, Scratch(folder / "scratch") as scratch:
        booth = Booth(open_store(f"file://{folder}/artifacts"), scratch, workers)
        await booth.by(booth.narrator(DyingVoice(last), at_once=1), text)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
