"""A shot on its own clock: time begins with the clip, and nothing else of the video is known. Pure.

So the same sentence asks for the same clip wherever in a narration it lies, whatever is said around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import msgspec

from libs.contracts.analysis import Analysis, Beat, EnergyPoint, Key, Word
from libs.contracts.storyboard import Scene, Shot, Transition
from libs.storyboard.takes import draws_words

_SOON_S, _LATE_S = 0.9, 1.8
"""Seconds from one beat of a voice to the next: at a phrase if there is one, at any word at last."""
_BREATH_S = 0.12
"""A silence from which on what follows is a phrase of its own."""
_HAIR_S = 1e-5
"""Added before times are rounded to the millisecond: halves round up, however they came about."""


def on_own_clock(shot: Shot, analysis: Analysis, fps: Fraction) -> tuple[Shot, Analysis]:
    """The shot and what is heard in it, in seconds from its first frame.

    The scene fills the whole clip and has no name. Music keeps its beats; where there is none, the voice's phrases
    stand in for them. What is heard before the first word belongs to another sentence.
    """
    scene = shot.scene
    start = float((scene.start_frame - shot.lead) / fps)
    seconds = float(shot.frames / fps)
    words = [_moved(word, start) for word in analysis.words if 0 <= _local(word.start, start) < seconds]
    since = words[0].start if words else 0.0
    heard = Analysis(
        duration=round(seconds, 3),
        tempo=analysis.tempo,
        meter=analysis.meter,
        beats=_beats(analysis, start, seconds) or tuple(spoken_beats(words)),
        onsets=(),
        energy=tuple(
            EnergyPoint(time=time, value=point.value)
            for point in analysis.energy
            if since <= (time := _local(point.time, start)) < seconds
        ),
        key=Key(tonic="C", mode="major", confidence=0.0),
        sections=(),
        words=tuple(_counted(words)) if draws_words(scene) else (),
    )
    return Shot(scene=_bare(scene, shot.frames), lead=0, frames=shot.frames), heard


def _bare(scene: Scene, frames: int) -> Scene:
    """The scene without what says nothing of its picture."""
    return msgspec.structs.replace(
        scene,
        id="",
        start_frame=0,
        end_frame=frames,
        section="part",
        group=0,
        transition=Transition(),
        lyrics="none" if scene.lyrics == "captions" else scene.lyrics,
        still=msgspec.UNSET,
    )


def spoken_beats(words: Sequence[Word]) -> Iterator[Beat]:
    """Where pictures move with a voice: at its first word, then where phrases begin, or at least every now and
    then. words: in order."""
    last = float("-inf")
    for number, word in enumerate(words):
        begins = number == 0 or word.start - words[number - 1].end >= _BREATH_S
        turns = number == 0 or word.line != words[number - 1].line
        since = word.start - last
        if since >= _LATE_S or (since >= _SOON_S and (begins or turns)):
            yield Beat(time=word.start, strength=0.6 if begins else 0.3, downbeat=turns)
            last = word.start


def _beats(analysis: Analysis, start: float, seconds: float) -> tuple[Beat, ...]:
    return tuple(
        msgspec.structs.replace(beat, time=time)
        for beat in analysis.beats
        if 0 <= (time := _local(beat.time, start)) < seconds
    )


def _moved(word: Word, start: float) -> Word:
    return msgspec.structs.replace(word, start=_local(word.start, start), end=_local(word.end, start))


def _counted(words: Sequence[Word]) -> Iterator[Word]:
    """Their lines counted from 0."""
    for word in words:
        yield msgspec.structs.replace(word, line=word.line - words[0].line)


def _local(time: float, start: float) -> float:
    return round(time - start + _HAIR_S, 3)
