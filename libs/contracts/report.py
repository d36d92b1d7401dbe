"""The report on a finished video, measured from the file itself. Documented, versioned JSON."""

from __future__ import annotations

import msgspec

from libs.contracts.tasks import StageUsage

REPORT_VERSION = 1


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """The sound track."""

    codec: str
    copied: bool
    """True when the song's own packets were kept."""
    lag_ms: float | None
    """How late the video's sound is against the song's; None when the song is silent."""


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """A change of scene as found in the picture."""

    scene_id: str
    """The scene that begins here."""
    planned_frame: int
    found_frame: int | None
    """The frame where the picture changes most near the planned one; None when none stands out."""
    kind: str
    """cut or crossfade."""
    time: float
    """Seconds of the found frame, or of the planned one."""
    beat_ms: float | None
    """Distance to the nearest beat in ms, signed: late is positive; None without beats."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A span of time in seconds."""

    start: float
    end: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the finished file is, as measured."""

    version: int = REPORT_VERSION
    frames: int
    planned_frames: int
    fps: str
    width: int
    height: int
    video_codec: str
    size_bytes: int
    duration: float
    """Seconds of picture."""
    song_duration: float
    pts_steps_ok: bool
    """Every frame follows the one before it by exactly one frame's time."""
    sound: Sound | None
    cuts: tuple[Cut, ...]
    cut_beat_median_ms: float | None
    """Median of the cuts' absolute distances to the nearest beat."""
    cut_beat_worst_ms: float | None
    black: tuple[Stretch, ...]
    frozen: tuple[Stretch, ...]
    stages: tuple[StageUsage, ...]
    problems: tuple[str, ...] = ()
    """What keeps the file from being delivered; empty in a good one."""
