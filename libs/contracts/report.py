"""The report on a finished video, measured from the file itself. Documented, versioned JSON."""

from __future__ import annotations

import msgspec

from libs.contracts.analysis import Notice
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


class Loudness(msgspec.Struct, frozen=True, kw_only=True):
    """The sound track's loudness by EBU R128."""

    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float


class Flashes(msgspec.Struct, frozen=True, kw_only=True):
    """Flashes as WCAG 2.3.1 counts them, in the second that has most of them. Three are its limit."""

    a_second: float
    """Pairs of opposing swings; a single swing is half of one."""
    at: float
    """Seconds at which that second begins."""


class SceneMotion(msgspec.Struct, frozen=True, kw_only=True):
    """How much moves in a scene, seen at 96 x 54 (or that size in another shape)."""

    scene_id: str
    start: float
    end: float
    level: float
    """Mean absolute difference of successive frames, of 255."""
    stillest_share: float | None
    """Share of the pixels that visibly change in its stillest second; None for a scene under half a second."""
    stillest_at: float | None


class Motion(msgspec.Struct, frozen=True, kw_only=True):
    """How much moves, and where nothing does."""

    level: float
    """Mean absolute difference of successive frames, of 255, cuts not counted."""
    scenes: tuple[SceneMotion, ...]
    still: tuple[Stretch, ...]
    """Stretches of a second or more in which nothing visible moves."""
    still_seconds: float
    """All of them together."""


class Following(msgspec.Struct, frozen=True, kw_only=True):
    """How far the picture changes with the music: correlations, -1..1; None where there is nothing to compare."""

    onsets: float | None
    """With the strength of onsets, both freed of what is slower than a beat, at the best lag within 100 ms."""
    beats: float | None = None
    """The same with the beats alone, by their strength."""
    energy: float | None
    """With the song's energy, both smoothed over about a second."""
    lag_ms: float | None
    """How late the picture answers the beats, or else the onsets."""


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """How a narrated video goes with its voice."""

    words: int
    """Of the narration."""
    words_shown: int
    """That light up in captions; 0 without captions."""
    word_worst_ms: float | None
    """The farthest that a word lights up from where it is heard; None without captions."""
    cuts_in_pauses: float | None
    """Share of the cuts that lie where nobody speaks, 0..1; None without cuts."""
    cut_worst_ms: float | None
    """The farthest that a cut lies inside of speech; 0 when all lie in pauses."""
    voice_lufs: float | None
    """The voice alone, as loud as it is in the sound."""
    bed_below_lu: float | None
    """How far the music stays below it where it is loudest while somebody speaks; None without music."""
    clicks: int
    """Joins of sentences at which a click is heard."""


class BitRate(msgspec.Struct, frozen=True, kw_only=True):
    """Megabits a second of one stream."""

    mean_mbps: float
    peak_mbps: float
    """Of the whole second that takes most."""
    peak_at: float


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
    loudness: Loudness | None = None
    """None when nothing can be heard."""
    flashes: Flashes | None = None
    red_flashes: Flashes | None = None
    motion: Motion | None = None
    motion_follows: Following | None = None
    light_follows: Following | None = None
    picture_rate: BitRate | None = None
    sound_rate: BitRate | None = None
    telling: Telling | None = None
    """Of a narrated video."""
    warnings: tuple[Notice, ...] = ()
    """What a person should know of: flashes, red_flashes, still, clipping; of narrated
    videos also clicks, cut_in_speech and loud_bed. The file is delivered all the same."""
    problems: tuple[str, ...] = ()
    """What keeps the file from being delivered; empty in a good one."""
    preview: bool = False
    """True for a preview: small, six pictures a second, so its motion says little of the whole video's."""
