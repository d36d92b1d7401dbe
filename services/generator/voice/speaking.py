"""One sentence after the other: found, or spoken and kept at once, so that a later try goes on behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

from libs.artifacts.results import find_record, keep_record
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import TaskContext
from libs.contracts.errors import InputMissing, Retryable
from services.generator.voice.port import Heard, Line, Speech, Voice
from services.generator.voice.sound_file import FLAC_TYPE, flac_of
from services.generator.voice.spoken import Said, check_speech, heard_by_letters, said_key, timed, unsaid

Align = Callable[[Line, Speech, TaskContext], Awaitable[tuple[Heard, ...]]]
"""When each of the line's words is heard, where the engine doesn't know."""


class Spoken(NamedTuple):
    """A sentence at hand."""

    said: Said
    path: Path | None
    """Its sound; None where there is none."""
    made: bool
    """Whether the voice was asked for it now."""


class Speaker:
    """One voice engine, and the store of all that it has spoken."""

    def __init__(self, store: ArtifactStore, voice: Voice, *, at_once: int, align: Align | None = None) -> None:
        """at_once: sentences that the engine is asked for at the same time, over all tasks. align: None: words of
        which the engine gives no times get them by their letters."""
        self.voice = voice
        self._store = store
        self._engine = asyncio.Semaphore(at_once)
        self._align = align
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def speak(self, owner: str, line: Line, inputs: AsyncExitStack, context: TaskContext) -> Spoken:
        """The sentence, found or spoken. inputs: for how long its sound is needed.

        Raises what the engine raises; Retryable("voice_failed") for what it may not give.
        """
        if not line.text:
            return Spoken(unsaid(line), None, False)
        key = said_key(owner, self.voice, line)
        said, made = await find_record(self._store, key, Said), False
        if said is None:
            async with self._locks.setdefault(key, asyncio.Lock()), self._engine:
                said = await find_record(self._store, key, Said)
                if said is None:
                    said, made = await keep_record(self._store, key, await self._say(line, context)), True
        if not made and said.task == context.task.message_id:  # a delivery before this one died with its account
            context.bill(key, said.bill)
        if said.sound is None:
            return Spoken(said, None, made)
        try:
            path = await inputs.enter_async_context(self._store.local(said.sound))
        except InputMissing as error:
            raise Retryable("unexpected", "The sound of a sentence is gone; it is spoken again.") from error
        return Spoken(said, path, made)

    async def _say(self, line: Line, context: TaskContext) -> Said:
        speech = await self.voice.say(line, context)
        check_speech(speech, line)
        if not len(speech.sound):
            return unsaid(line)
        seconds = len(speech.sound) / speech.rate
        heard = speech.words
        if heard is None:
            heard = (
                await self._align(line, speech, context) if self._align else heard_by_letters(line.words, seconds)
            )
        flac = await asyncio.to_thread(flac_of, speech.sound, speech.rate)
        return Said(
            sound=await self._store.put_bytes(flac, FLAC_TYPE),
            rate=speech.rate,
            samples=len(speech.sound),
            words=timed(line.words, heard, seconds),
            task=context.task.message_id,
            bill=speech.bill,
        )
