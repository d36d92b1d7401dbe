"""What is told of a narration: its own document, and the analysis that pictures are made by. Pure.

The analysis of a sentence says nothing of the others: what is drawn to it stays the same when another one changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby

from libs.contracts.analysis import PLACED, Analysis, EnergyPoint, Key, Notice, Section, Tempo, Word
from libs.contracts.scripts import Narration, Sentence
from services.generator.voice.energy import REST, STEPS
from services.generator.voice.reading import Part
from services.generator.voice.slots import Slot
from services.generator.voice.spoken import Said

EVEN = 0.5
"""The energy of every paragraph."""
NAMED = 12
"""Words that a notice lists at most."""


def narration_of(
    parts: Sequence[Part],
    said: Sequence[Said],
    slots: Sequence[Slot],
    *,
    fps: str,
    language: str,
    voice: str,
    backend: str,
) -> Narration:
    """When each word is heard."""
    sentences = tuple(
        Sentence(
            text=part.text,
            paragraph=part.paragraph,
            start_frame=slot.start,
            frames=slot.frames,
            speech_s=float(one.seconds),
            samples=one.samples,
            rate=one.rate,
            words=one.words,
        )
        for part, one, slot in zip(parts, said, slots, strict=True)
    )
    return Narration(
        fps=fps,
        frames=slots[-1].end,
        lead_frames=slots[0].start,
        language=language,
        voice=voice,
        backend=backend,
        sentences=sentences,
    )


def analysis_of(
    narration: Narration,
    captions: Sequence[Sequence[int]],
    energies: Sequence[Sequence[float]],
    peaks: tuple[float, ...],
    notices: tuple[Notice, ...],
) -> Analysis:
    """The narration as a song is heard. captions: of each sentence's words, in which of its captions they stand.
    energies: of each sentence, see `energy_of`."""
    fps = Fraction(narration.fps)
    words: list[Word] = []
    energy: list[EnergyPoint] = [EnergyPoint(time=0.0, value=REST)] if narration.lead_frames else []
    line = 0
    for sentence, places, values in zip(narration.sentences, captions, energies, strict=True):
        start = sentence.start_frame / fps
        words += [
            Word(
                text=word.text,
                start=_seconds(start + Fraction(word.start)),
                end=_seconds(start + Fraction(word.end)),
                confidence=1.0 if word.spoken else PLACED,
                line=line + place,
            )
            for word, place in zip(sentence.words, places, strict=True)
        ]
        line += places[-1] + 1 if places else 0
        energy += [
            EnergyPoint(time=_seconds(start + Fraction(step, STEPS)), value=value)
            for step, value in enumerate(values)
        ]
    duration = _seconds(narration.frames / fps)
    energy.append(EnergyPoint(time=duration, value=REST))
    spoken = {word.start for word in words if word.confidence > PLACED}
    return Analysis(
        duration=duration,
        tempo=Tempo(bpm=0.0, confidence=0.0, stable=False),
        meter=4,
        beats=(),
        onsets=tuple(sorted(spoken)),
        energy=tuple(energy),
        key=Key(tonic="C", mode="major", confidence=0.0),
        sections=_paragraphs(narration, fps),
        words=tuple(words),
        peaks=peaks,
        notices=notices,
    )


def unspoken_notice(narration: Narration) -> tuple[Notice, ...]:
    """What the voice can't say, if there is any."""
    words = [word.text for sentence in narration.sentences for word in sentence.words if not word.spoken]
    if not words:
        return ()
    named = list(dict.fromkeys(words))
    text = ", ".join(named[:NAMED]) + (", ..." if len(named) > NAMED else "")
    times = "1 word" if len(words) == 1 else f"{len(words)} words"
    return (Notice(code="words_unspoken", message=f"The voice can't say {times}; captions show them: {text}"),)


def _paragraphs(narration: Narration, fps: Fraction) -> tuple[Section, ...]:
    """They touch, and the lead belongs to the first one."""
    groups = [(number, list(group)) for number, group in groupby(narration.sentences, lambda one: one.paragraph)]
    starts = [0, *(group[0].start_frame for _, group in groups[1:]), narration.frames]
    return tuple(
        Section(
            label="part",
            start=_seconds(starts[index] / fps),
            end=_seconds(starts[index + 1] / fps),
            group=number,
            energy=EVEN,
        )
        for index, (number, _) in enumerate(groups)
    )


def _seconds(time: Fraction) -> float:
    """To the microsecond."""
    return round(float(time), 6)
