"""From measurements to the report, and to what keeps a file from being delivered. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from statistics import median

import msgspec
import numpy as np

from libs.contracts.analysis import Analysis
from libs.contracts.report import Cut, Report, Sound, Telling
from libs.contracts.storyboard import Storyboard
from libs.contracts.tasks import StageUsage
from libs.measure.music import with_beats
from services.composer.hearing import SoundMeasure
from services.composer.lag import LIKE
from services.composer.measure import PictureMeasure
from services.composer.telling import telling_warnings
from services.composer.timeline import Join
from services.composer.wording import bit_rate, flashes, following, loudness, motion, scene_spans, warnings

MAX_LAG_SECONDS = 0.005
PACKET_SECONDS = 0.025
"""A decoder gives the last packet of AAC whole, though the file says where in it the sound ends."""


def make_report(
    board: Storyboard,
    analysis: Analysis,
    planned: Sequence[Join],
    picture: PictureMeasure,
    sound: SoundMeasure,
    *,
    size: int,
    copied: bool,
    stages: Sequence[StageUsage] = (),
    preview: bool = False,
) -> Report:
    """The report on a file of `size` bytes. `problems` says what its checks found."""
    fps = Fraction(board.fps)
    beats = sorted(beat.time for beat in analysis.beats)
    cuts = tuple(_cut(join, found, fps, beats) for join, found in zip(planned, picture.found, strict=True))
    distances = [abs(cut.beat_ms) for cut in cuts if cut.beat_ms is not None]
    lag_ms = None if sound.lag_seconds is None else round(sound.lag_seconds * 1000, 3)
    strengths = [beat.strength for beat in analysis.beats]
    music = with_beats(sound.music, np.asarray([beat.time for beat in analysis.beats]), np.asarray(strengths))
    passed = [_passed(cut, join, fps) for cut, join in zip(cuts, planned, strict=True)]
    moved = motion(picture.seen, scene_spans(board.scenes[0].id, cuts, float(picture.frames / fps)), passed)
    return Report(
        frames=picture.frames,
        planned_frames=board.frames,
        fps=picture.fps,
        width=picture.width,
        height=picture.height,
        video_codec=picture.codec,
        size_bytes=size,
        duration=float(picture.frames / fps),
        song_duration=sound.song_seconds,
        pts_steps_ok=picture.steps_ok,
        sound=Sound(codec=sound.codec, copied=copied, lag_ms=lag_ms) if sound.codec else None,
        cuts=cuts,
        cut_beat_median_ms=round(median(distances), 3) if distances else None,
        cut_beat_worst_ms=round(max(distances), 3) if distances else None,
        black=picture.black,
        frozen=picture.frozen,
        stages=tuple(stages),
        loudness=loudness(sound.loudness),
        flashes=flashes(picture.seen.flashes),
        red_flashes=flashes(picture.seen.red_flashes),
        motion=moved,
        motion_follows=following(picture.seen.times, picture.seen.levels, passed, music),
        light_follows=following(picture.seen.times, picture.seen.light, passed, music),
        picture_rate=bit_rate(picture.rate),
        sound_rate=bit_rate(sound.rate),
        warnings=warnings(picture.seen, moved, sound.loudness),
        problems=problems(board, picture, sound),
        preview=preview,
    )


def with_telling(report: Report, told: Telling) -> Report:
    """The same report, with what is told of a narrated video."""
    found = (*report.warnings, *telling_warnings(told))
    return msgspec.structs.replace(report, telling=told, warnings=found)


def _cut(join: Join, found: int | None, fps: Fraction, beats: Sequence[float]) -> Cut:
    time = float((join.frame if found is None else found) / fps)
    near = min(beats, key=lambda beat: abs(beat - time), default=None)
    return Cut(
        scene_id=join.scene_id,
        planned_frame=join.frame,
        found_frame=found,
        kind=join.kind,
        time=time,
        beat_ms=None if near is None else round((time - near) * 1000, 3),
    )


def _passed(cut: Cut, join: Join, fps: Fraction) -> tuple[float, float]:
    """The time of the frames that show a change of scene."""
    half = float(join.frames // 2 / fps)
    return cut.time - half, cut.time + half + float(1 / fps)


def problems(board: Storyboard, picture: PictureMeasure, sound: SoundMeasure) -> tuple[str, ...]:
    """What is wrong with the finished file, in words; empty for a good one."""
    fps = Fraction(board.fps)
    frame = float(1 / fps)
    found = []
    if picture.frames != board.frames:
        found.append(f"It has {picture.frames} frames, not {board.frames}.")
    if not picture.steps_ok:
        found.append("Its frames don't follow each other by one frame's time.")
    if (picture.width, picture.height) != (board.width, board.height):
        found.append(f"It is {picture.width}x{picture.height}, not {board.width}x{board.height}.")
    if abs(picture.frames / fps - Fraction(sound.song_seconds)) > Fraction(frame) + Fraction(1, 1000):
        found.append(f"It lasts {picture.frames * frame:.3f} s, the song {sound.song_seconds:.3f} s.")
    if abs(picture.container_seconds - picture.frames * frame) > frame + 0.001:
        found.append(
            f"The file lasts {picture.container_seconds:.3f} s, its picture {picture.frames * frame:.3f} s."
        )
    found.extend(sound_problems(sound, picture.frames * frame, frame))
    found.extend(f"It is black from {one.start:.2f} to {one.end:.2f} s." for one in picture.black)
    return tuple(found)


def sound_problems(sound: SoundMeasure, shown: float, frame: float) -> list[str]:
    """What is wrong with the sound of a picture that lasts `shown` seconds, `frame` being a frame's seconds."""
    if not sound.codec:
        return ["It has no sound."]
    found = []
    if abs(sound.seconds - shown) > frame + PACKET_SECONDS:
        found.append(f"Its sound lasts {sound.seconds:.3f} s, its picture {shown:.3f} s.")
    if sound.song_silent:
        return found
    if sound.lag_seconds is None or sound.likeness < LIKE:
        found.append("Its sound is not the song's.")
    elif abs(sound.lag_seconds) > MAX_LAG_SECONDS:
        found.append(f"Its sound is {sound.lag_seconds * 1000:.1f} ms late.")
    return found
