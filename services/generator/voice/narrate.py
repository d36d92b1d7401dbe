"""The task `voice`: a script becomes a narration. Each sentence is spoken once, ever, for its owner."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import msgspec

from libs.artifacts.results import Made, find_or_make
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import TaskContext
from libs.contracts.analysis import Notice
from libs.contracts.artifacts import result_key
from libs.contracts.errors import InputMissing, Permanent, Retryable
from libs.contracts.facts import VoiceRendered, WorkFact
from libs.contracts.scripts import Script
from libs.contracts.tasks import Task
from libs.contracts.tasks import Voice as VoiceOrder
from libs.media.frames import fps_text, parse_fps
from libs.media.guards import MAX_SONG_SECONDS
from libs.runtime.disk import full_disk_is_retryable
from libs.runtime.scratch import Scratch
from libs.runtime.together import together
from libs.runtime.workers import WorkerPool
from services.generator.voice.documents import analysis_of, narration_of, unspoken_notice
from services.generator.voice.joining import Joining, Piece, join
from services.generator.voice.port import Line, Voice
from services.generator.voice.reading import Part, Parts, read_parts
from services.generator.voice.slots import LEAD_S, sample_at, slots_of
from services.generator.voice.sound_file import FLAC_TYPE, MP3_TYPE
from services.generator.voice.speaking import Speaker, Spoken

VERSION = "1"
"""Raised whenever the same sentences would be joined otherwise, or other things told of them."""
JSON_TYPE = "application/json"
SPOKEN = 0.9
"""The share of the work that is done when all sentences are spoken."""

log = logging.getLogger(__name__)


class Order(NamedTuple):
    """What is to be said, and how."""

    parts: Parts
    voice: str
    """Its full name."""
    speed: float
    language: str
    """ISO 639-1; empty: that of the voice."""
    fps: Fraction
    lead: bool

    def line(self, part: Part) -> Line:
        """The sentence as engines are asked for it."""
        return Line(text=part.said, words=part.words, voice=self.voice, speed=self.speed, language=self.language)


class Narrator:
    """Does the task with one voice engine. The scratch folder must be open."""

    def __init__(
        self, store: ArtifactStore, scratch: Scratch, workers: WorkerPool, speaker: Speaker, *, timeout_s: float
    ) -> None:
        """timeout_s: for reading a script, and for joining its sentences."""
        self._store = store
        self._scratch = scratch
        self._workers = workers
        self._speaker = speaker
        self._timeout_s = timeout_s

    async def narrate(self, task: Task, context: TaskContext) -> list[WorkFact]:
        """Raises Permanent: bad_script, script_empty, script_too_long, voice_unknown, voice_cannot_say; and what
        the engine raises."""
        body = task.body
        assert isinstance(body, VoiceOrder)
        order = await self._read(body, context)

        async def make() -> Made:
            with full_disk_is_retryable():
                async with self._scratch.folder() as folder:
                    return await self._make(task.owner, order, folder, context)

        key = narration_key(task.owner, order, self._speaker.voice)
        found = await find_or_make(self._store, key, make, work=task.message_id)
        if found.untold:
            context.take_over(found.usage)
        if not found.reused:
            return list(found.facts)
        context.mark_reused()
        return [msgspec.structs.replace(fact, made=0) for fact in found.facts if isinstance(fact, VoiceRendered)]

    async def _read(self, body: VoiceOrder, context: TaskContext) -> Order:
        data = await self._store.get_bytes(body.script.key)
        if data is None:
            raise InputMissing(body.script.sha256)
        script, options = msgspec.json.decode(data, type=Script), body.options
        voice = self._speaker.voice.named(options.voice)
        work = await self._workers.run(read_parts, script.text, script.language, timeout_s=self._timeout_s)
        context.spend(work.cpu_seconds)
        return Order(
            parts=work.value,
            voice=voice,
            speed=options.speed,
            language=script.language or self._speaker.voice.language(voice),
            fps=parse_fps(options.fps),
            lead=bool(options.title.strip()),
        )

    async def _make(self, owner: str, order: Order, folder: Path, context: TaskContext) -> Made:
        parts = order.parts.sentences
        async with AsyncExitStack() as inputs:
            spoken = await self._speak(owner, order, inputs, context)
            said = [one.said for one in spoken]
            if not any(one.sound for one in said):
                raise Permanent("voice_cannot_say")
            spans = [(one.seconds, Fraction(part.pause_s)) for one, part in zip(said, parts, strict=True)]
            slots = slots_of(spans, order.fps, lead=order.lead)
            if slots[-1].end > MAX_SONG_SECONDS * order.fps:
                raise Permanent("script_too_long")
            pieces = tuple(
                Piece(one.path, sample_at(slot.start, order.fps), sample_at(slot.end, order.fps))
                for one, slot in zip(spoken, slots, strict=True)
            )
            joining = Joining(pieces, folder / "voice.flac", folder / "voice.mp3")

            def tell(fraction: float, message: str) -> None:
                context.progress(SPOKEN + (1 - SPOKEN) * fraction, message)

            work = await self._workers.run(join, joining, timeout_s=self._timeout_s, on_progress=tell)
        context.spend(work.cpu_seconds)
        narration = narration_of(
            parts,
            said,
            slots,
            fps=fps_text(order.fps),
            language=order.language or order.parts.language,
            voice=order.voice,
            backend=self._speaker.voice.name,
        )
        notices = (*order.parts.notices, *language_notice(order, self._speaker.voice), *unspoken_notice(narration))
        captions = [part.captions for part in parts]
        analysis = analysis_of(narration, captions, work.value.energies, work.value.peaks, notices)
        fact = VoiceRendered(
            sound=await self._store.put_file(joining.flac, FLAC_TYPE),
            voiceover=await self._store.put_file(joining.mp3, MP3_TYPE),
            narration=await self._store.put_bytes(msgspec.json.encode(narration), JSON_TYPE),
            analysis=await self._store.put_bytes(msgspec.json.encode(analysis), JSON_TYPE),
            duration=analysis.duration,
            sentences=len(parts),
            made=sum(one.made for one in spoken),
            voice=order.voice,
            backend=self._speaker.voice.name,
            notices=notices,
            spoken=tuple(dict.fromkeys(one.sound for one in said if one.sound is not None)),
        )
        loudness = work.value.loudness
        log.info("spoke %d sentences, %d anew: %.1f s, %s", len(parts), fact.made, fact.duration, loudness)
        return Made(facts=[fact], usage=context.usage)

    async def _speak(self, owner: str, order: Order, inputs: AsyncExitStack, context: TaskContext) -> list[Spoken]:
        """All sentences, in order; each is spoken once, however often it comes. Raises Permanent("script_too_long")
        as soon as that is sure."""
        parts = order.parts.sentences
        places: dict[Line, list[int]] = {}
        for place, part in enumerate(parts):
            places.setdefault(order.line(part), []).append(place)
        found: dict[int, Spoken] = {}
        seconds = 0.0

        async def speak(line: Line, where: list[int]) -> None:
            nonlocal seconds
            try:
                spoken = await self._speaker.speak(owner, line, inputs, context)
            except Retryable as error:
                if error.code != "voice_failed":
                    raise
                text = f"Sentence {where[0] + 1} of {len(parts)}: {error.message}"
                raise Retryable(error.code, text, hint=error.hint, after=error.after) from error
            for place in where:
                found[place] = spoken if place == where[0] else spoken._replace(made=False)
                seconds += float(spoken.said.seconds) + parts[place].pause_s
            if seconds > MAX_SONG_SECONDS:
                raise Permanent("script_too_long")
            context.progress(SPOKEN * len(found) / len(parts), f"spoke {len(found)} of {len(parts)} sentences")

        await together(*(speak(line, where) for line, where in places.items()))
        return [found[place] for place in range(len(parts))]


def narration_key(owner: str, order: Order, voice: Voice) -> str:
    """The key of the record of a narration: all that determines it."""
    inputs = {
        "parts": order.parts,
        "voice": order.voice,
        "speed": order.speed,
        "language": order.language,
        "fps": fps_text(order.fps),
        "lead": str(LEAD_S) if order.lead else "",
    }
    return result_key("voice", f"{VERSION}-{voice.name}-{voice.version}", owner, inputs)


def language_notice(order: Order, voice: Voice) -> tuple[Notice, ...]:
    """What is heard when a voice speaks a language that isn't its own."""
    speaks = voice.language(order.voice)
    if not speaks or order.language == speaks:
        return ()
    text = f"The script is in {order.language!r}, and the voice {order.voice} speaks {speaks!r}."
    return (Notice(code="voice_language", message=text),)
