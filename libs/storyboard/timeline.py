"""One document with all that an editor draws: the song as it was heard, the scenes over it and their takes. Pure.

However long the song, it stays below a megabyte: curves are thinned, long texts are cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import islice
from typing import TypeVar

import msgspec

from libs.contracts.analysis import Analysis, Section
from libs.contracts.storyboard import SceneLyrics, Storyboard, Transition
from libs.media.frames import parse_fps
from libs.storyboard.takes import Origin, Reason

T = TypeVar("T")

MOST_PEAKS = 2000
MOST_ENERGY = 1000
MOST_BEATS = 6000
MOST_WORDS = 5000
MOST_LETTERS = 40
MOST_PROMPT = 200
MOST_SECTIONS = 200


class TimedWord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A sung word; times in seconds. `text` has 40 letters at most."""

    text: str
    start: float
    end: float
    line: int
    placed: bool
    """Whether its time is more than guessed."""


class ChosenTake(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The take that a scene shows."""

    id: int
    origin: Origin
    stale: tuple[Reason, ...]
    """Why it should be made anew; empty when it is current."""


class TimelineScene(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A scene, in frames and in seconds."""

    id: str
    start_frame: int
    end_frame: int
    start: float
    end: float
    section: str
    look: str
    prompt: str
    """Its first 200 letters."""
    transition: Transition
    lyrics: SceneLyrics
    locked: bool
    takes: int
    """How many it has."""
    take: ChosenTake | None


class Timeline(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A project's song, scenes and chosen takes. Times are seconds of the song."""

    fps: str
    frames: int
    duration: float
    bpm: float
    meter: int
    beats: tuple[float, ...]
    downbeats: tuple[int, ...]
    """Which beats begin a bar, from 0."""
    sections: tuple[Section, ...]
    energy: tuple[tuple[float, float], ...]
    """Points of time and value, 0..1; at most 1,000."""
    waveform: tuple[float, ...]
    """Peaks, 0..1, evenly over the song; at most 2,000."""
    words: tuple[TimedWord, ...]
    """The first 5,000."""
    scenes: tuple[TimelineScene, ...]


def timeline(
    analysis: Analysis, board: Storyboard, counts: Mapping[str, int], chosen: Mapping[str, ChosenTake]
) -> Timeline:
    """What an editor draws. counts, chosen: how many takes each scene has, and the one it shows, by scene id."""
    fps = parse_fps(board.fps)
    beats = analysis.beats[:MOST_BEATS]
    return Timeline(
        fps=board.fps,
        frames=board.frames,
        duration=analysis.duration,
        bpm=analysis.tempo.bpm,
        meter=analysis.meter,
        beats=tuple(round(beat.time, 4) for beat in beats),
        downbeats=tuple(index for index, beat in enumerate(beats) if beat.downbeat),
        sections=analysis.sections[:MOST_SECTIONS],
        energy=tuple(
            (round(point.time, 3), round(point.value, 3)) for point in thinned(analysis.energy, MOST_ENERGY)
        ),
        waveform=tuple(round(peak, 3) for peak in loudest(analysis.peaks, MOST_PEAKS)),
        words=tuple(
            TimedWord(
                text=word.text[:MOST_LETTERS],
                start=round(word.start, 3),
                end=round(word.end, 3),
                line=word.line,
                placed=word.placed,
            )
            for word in islice(analysis.words, MOST_WORDS)
        ),
        scenes=tuple(
            TimelineScene(
                id=scene.id,
                start_frame=scene.start_frame,
                end_frame=scene.end_frame,
                start=_seconds(scene.start_frame, fps),
                end=_seconds(scene.end_frame, fps),
                section=scene.section,
                look=scene.look,
                prompt=scene.prompt[:MOST_PROMPT],
                transition=scene.transition,
                lyrics=scene.lyrics,
                locked=scene.id in (board.locked or ()),
                takes=counts.get(scene.id, 0),
                take=chosen.get(scene.id),
            )
            for scene in board.scenes
        ),
    )


def thinned(rows: Sequence[T], most: int) -> Sequence[T]:
    """Every n-th, so that at most so many are left."""
    return rows[:: max(1, -(-len(rows) // most))]


def loudest(peaks: Sequence[float], most: int) -> list[float]:
    """At most so many, each the highest of those it stands for."""
    step = max(1, -(-len(peaks) // most))
    return [max(peaks[at : at + step]) for at in range(0, len(peaks), step)]


def _seconds(frame: int, fps: Fraction) -> float:
    return round(float(frame / fps), 4)
