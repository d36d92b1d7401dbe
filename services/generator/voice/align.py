"""When words are heard in the speech of engines that don't tell: by the local voice, which says the same and knows.

Where it doesn't speak the language, by espeak-ng's plain voice, which speaks a hundred; where nobody knows the
language and what the local voice says doesn't lie on what was heard, by pauses and letters.
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
from services.generator.voice.plain_guide import plainly_said
from services.generator.voice.port import Heard, Line, Sound, Speech, Voice
from services.generator.voice.warp import warp

ALIGNED = "2"
"""Raised when the same speech gets other times; part of the version of each engine that needs them."""
OTHER_WORDS = 1.15
"""The distance of a warp above which the guide has said something else, as it does in another language."""
LEAST_SAID = 0.8
"""Of the words, how many the guide must be able to say."""
LEAST_LENGTH, MOST_LENGTH, SLACK_S = 0.35, 3.0, 1.5
"""How long speech may be beside the guide's, and so many seconds less or more."""
TIMEOUT_S = 300.0
"""For a sentence that takes 15 minutes to say."""

log = logging.getLogger(__name__)


class Foreign(NamedTuple):
    """Speech without times, and the same words by the guide."""

    line: Line
    language: str
    """ISO 639-1, of the line; empty: not known."""
    sound: Sound
    rate: int
    guide: Speech | None
    """None: the guide doesn't speak the language, or can't say them."""


class Aligner:
    """Finds the times of words. Awaitable calls, one for each speech; the work is done in worker children."""

    def __init__(self, workers: WorkerPool, guide: Voice | None) -> None:
        """guide: an engine that knows the times of its words; its default voice is asked."""
        self._workers = workers
        self._guide = guide

    async def __call__(self, line: Line, speech: Speech, context: TaskContext) -> tuple[Heard, ...]:
        """One for each of the line's words, in order.

        Raises Retryable("voice_failed") for speech that can't be the line, and what worker children raise.
        """
        spoken = self._guide.language("") if self._guide is not None else ""
        language = line.language.lower().replace("_", "-").partition("-")[0]
        guide = await self._guided(line, context) if language in ("", spoken) else None
        foreign = Foreign(line=line, language=language, sound=speech.sound, rate=speech.rate, guide=guide)
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
            if isinstance(error, Permanent) or error.code == "voice_failed":
                log.warning("the local voice can't say what another one said: %s", error)
                return None
            raise


def align(foreign: Foreign) -> tuple[Heard, ...]:
    """The times of the words: by a guide, else by pauses and letters. For a worker child. Raises as Aligner."""
    line, language = foreign.line, foreign.language
    if not len(foreign.sound):
        return by_pauses(foreign.sound, foreign.rate, line.words)
    guide, speed = foreign.guide, 1.0
    if not _is_of_use(guide, line) and language:
        guide, speed = plainly_said(line.text, line.words, language), line.speed
    found = None
    if guide is not None and _is_of_use(guide, line):
        if language:
            _check_length(foreign, len(guide.sound) / guide.rate / speed)
        found = warp(guide.sound, guide.rate, foreign.sound, foreign.rate)
    if guide is None or guide.words is None or found is None or not np.isfinite(found.distance):
        return by_pauses(foreign.sound, foreign.rate, line.words)
    if not language and found.distance > OTHER_WORDS:
        return by_pauses(foreign.sound, foreign.rate, line.words)
    end_s = len(foreign.sound) / foreign.rate
    heard: list[Heard] = []
    for word, one in zip(line.words, guide.words, strict=True):
        start, end = (min(at, end_s) for at in found.of(one.start, one.end))
        heard.append(Heard(start=start, end=end, spoken=is_sayable(word)))
    return tuple(heard)


def _is_of_use(guide: Speech | None, line: Line) -> bool:
    if guide is None or guide.words is None or not len(guide.sound) or len(guide.words) != len(line.words):
        return False
    return sum(word.spoken for word in guide.words) >= LEAST_SAID * sum(map(is_sayable, line.words))


def _check_length(foreign: Foreign, expected_s: float) -> None:
    """Raises Retryable("voice_failed") for speech that breaks off long before its end, or goes on long after it."""
    said_s = len(foreign.sound) / foreign.rate
    if not LEAST_LENGTH * expected_s - SLACK_S <= said_s <= MOST_LENGTH * expected_s + SLACK_S:
        text = f"The voice took {said_s:.1f} s for what takes about {expected_s:.1f} s: {foreign.line.text[:60]!r}."
        raise Retryable("voice_failed", text)
