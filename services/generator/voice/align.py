"""When words are heard in the speech of engines that don't tell: by the local voice, which says the same and knows.

Where it doesn't speak the language, or what it says doesn't lie on what was heard, by pauses and letters.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from libs.bus.handler import TaskContext
from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.runtime.workers import WorkerPool
from libs.script.words import is_sayable
from services.generator.voice.by_pauses import by_pauses
from services.generator.voice.port import Heard, Line, Sound, Speech, Voice
from services.generator.voice.warp import warp

ALIGNED = "1"
"""Raised when the same speech gets other times; part of the version of each engine that needs them."""
OTHER_WORDS = 1.15
"""The distance of a warp above which the guide has said something else, as it does in another language."""
LEAST_SAID = 0.8
"""Of the words, how many the guide must be able to say."""
TIMEOUT_S = 300.0
"""For a sentence that takes 15 minutes to say."""

log = logging.getLogger(__name__)


class Foreign(NamedTuple):
    """Speech without times, and the same words by the guide."""

    words: tuple[str, ...]
    sound: Sound
    rate: int
    guide: Speech | None
    """None: the guide can't say them."""
    sure: bool
    """Whether the guide speaks that language; else it is only tried."""


class Aligner:
    """Finds the times of words. Awaitable calls, one for each speech; the work is done in worker children."""

    def __init__(self, workers: WorkerPool, guide: Voice | None) -> None:
        """guide: an engine that knows the times of its words; its default voice is asked."""
        self._workers = workers
        self._guide = guide

    async def __call__(self, line: Line, speech: Speech, context: TaskContext) -> tuple[Heard, ...]:
        """One for each of the line's words, in order. Raises Retryable: what worker children raise."""
        spoken = self._guide.language("") if self._guide is not None else ""
        language = line.language.lower()[:2]
        foreign = Foreign(
            words=line.words,
            sound=speech.sound,
            rate=speech.rate,
            guide=await self._guided(line, context) if language in ("", spoken) else None,
            sure=language == spoken,
        )
        work = await self._workers.run(align, foreign, timeout_s=TIMEOUT_S)
        context.spend(work.cpu_seconds)
        return work.value

    async def _guided(self, line: Line, context: TaskContext) -> Speech | None:
        """The line by the guide; None when it can't say it."""
        if self._guide is None:
            return None
        try:
            return await self._guide.say(replace(line, voice="", language=""), context)
        except BeatloomError as error:
            if isinstance(error, Permanent) or (isinstance(error, Retryable) and error.code == "voice_failed"):
                log.warning("times by pauses and letters, since the local voice can't say it: %s", error)
                return None
            raise


def align(foreign: Foreign) -> tuple[Heard, ...]:
    """The times of the words: by the guide, else by pauses and letters. For a worker child."""
    words, guide = foreign.words, foreign.guide
    guessed = by_pauses(foreign.sound, foreign.rate, words)
    known = guide.words if guide is not None else None
    if guide is None or known is None or not len(guide.sound) or not len(foreign.sound):
        return guessed
    if len(known) != len(words) or sum(word.spoken for word in known) < LEAST_SAID * len(words):
        return guessed
    found = warp(guide.sound, guide.rate, foreign.sound, foreign.rate)
    if found is None or not np.isfinite(found.distance) or (not foreign.sure and found.distance > OTHER_WORDS):
        return guessed
    end_s = len(foreign.sound) / foreign.rate
    heard: list[Heard] = []
    for word, one in zip(words, known, strict=True):
        start, end = (min(at, end_s) for at in found.of(one.start, one.end))
        heard.append(Heard(start=start, end=end, spoken=is_sayable(word)))
    return tuple(heard)
