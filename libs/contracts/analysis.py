"""The analysis of a song: documented, versioned JSON. Times are seconds from the first decoded sample."""

from __future__ import annotations

import msgspec

ANALYSIS_VERSION = 1


class Tempo(msgspec.Struct, frozen=True, kw_only=True):
    """The song's tempo. `stable` is false when one number doesn't describe the song."""

    bpm: float
    """Beats a minute; 0 when there is no pulse."""
    confidence: float
    """0..1."""
    stable: bool


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """A beat. `strength` is 0..1; `downbeat` marks the first of a bar."""

    time: float
    strength: float
    downbeat: bool


class EnergyPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Loudness as it is felt, smoothed; `value` is 0..1 within the song."""

    time: float
    value: float


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """The key. `tonic` is one of C C# D Eb E F F# G Ab A Bb B; `mode` is major or minor."""

    tonic: str
    mode: str
    confidence: float


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the song. Sections with the same `group` sound alike; sections touch and cover the song."""

    label: str
    """intro, verse, chorus, bridge, outro, or part."""
    start: float
    end: float
    group: int
    energy: float
    """0..1, the mean of the energy within."""


PLACED = 0.5
"""The confidence from which words have times that were more than guessed."""


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A word of the lyrics with its time. `line` counts the lines of the lyrics from 0."""

    text: str
    start: float
    end: float
    confidence: float
    """1 for times that were given, less for times that were guessed."""
    line: int = 0

    @property
    def placed(self) -> bool:
        """Whether its time is good enough to show it by."""
        return self.confidence >= PLACED


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person should know of and that doesn't stop the work."""

    code: str
    """A stable slug: no_beats, truncated_song, silent_song, lyrics_untimed, ..."""
    message: str


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """What the analyzer hears in a song."""

    version: int = ANALYSIS_VERSION
    duration: float
    """Seconds of decoded sound."""
    tempo: Tempo
    meter: int
    """Beats a bar."""
    beats: tuple[Beat, ...]
    onsets: tuple[float, ...]
    energy: tuple[EnergyPoint, ...]
    key: Key
    sections: tuple[Section, ...]
    words: tuple[Word, ...] = ()
    peaks: tuple[float, ...] = ()
    """The waveform's peaks, 0..1, evenly spaced over the song."""
    brightness: float = 0.5
    """Spectral brightness of the whole song, 0..1."""
    notices: tuple[Notice, ...] = ()
