"""What `beatloom check` finds in any video. Documented, versioned JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from libs.contracts.report import BitRate, Flashes, Following, Loudness, Stretch

CHECK_VERSION = 1


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """The picture."""

    codec: str
    width: int
    height: int
    """As it is shown."""
    frames: int
    fps: float
    """On average."""
    even: bool
    """Frames follow each other at one rate, as exactly as the file's own clock can say."""
    uneven_ms: float
    """How far the frame that is farthest off is from an even grid."""
    rate: BitRate | None


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """The sound track against the song."""

    codec: str
    seconds: float
    is_the_song: bool
    starts_at: float | None
    """Seconds of the video at which the song begins; negative when it has begun before. None for other sound."""
    loudness: Loudness | None
    rate: BitRate | None


class FoundCut(msgspec.Struct, frozen=True, kw_only=True):
    """A change of shot. A dissolve stands at its middle."""

    kind: Literal["cut", "dissolve"]
    time: float
    """Seconds of the video."""
    beat_ms: float | None
    """Distance to the nearest beat, signed: late is positive. None for a dissolve, or without beats."""


class OnBeat(msgspec.Struct, frozen=True, kw_only=True):
    """How near the hard cuts are to beats, beside what cuts at any time would be."""

    cuts: int
    median_ms: float
    """Of the absolute distances."""
    bias_ms: float
    """Median of the signed ones: how late the cuts are on the whole."""
    within_40_ms: float
    """Share of the cuts, 0..1."""
    within_a_frame: float
    chance_median_ms: float
    chance_within_40_ms: float
    chance_within_a_frame: float
    likely_chance: float
    """How likely so many cuts are within 40 ms by chance alone, 0..1."""


class MotionFound(msgspec.Struct, frozen=True, kw_only=True):
    """How much moves."""

    level: float
    """Mean absolute difference of successive frames at 96 x 54, of 255; cuts don't count."""
    still: tuple[Stretch, ...]
    still_seconds: float
    follows: Following
    light_follows: Following


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A finding in words. `good` is None where there is no right and wrong."""

    code: str
    good: bool | None
    message: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured of a video."""

    version: int = CHECK_VERSION
    container: str
    size_bytes: int
    duration: float
    """Seconds of picture that decode."""
    declared_duration: float
    """Seconds that the file says it has; 0 where it doesn't say."""
    song_duration: float
    tempo_bpm: float
    """0 without a pulse."""
    picture: Picture
    sound: Sound | None
    cuts: tuple[FoundCut, ...]
    on_beat: OnBeat | None
    """None without beats, or without cuts."""
    flashes: Flashes
    red_flashes: Flashes
    motion: MotionFound
    black: tuple[Stretch, ...]
    frozen: tuple[Stretch, ...]
    verdicts: tuple[Verdict, ...]
