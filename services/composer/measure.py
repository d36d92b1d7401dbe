"""The finished file, measured: decoded once, small, in bounded memory. For a worker child."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
from av.video.reformatter import VideoReformatter

from libs.contracts.report import Stretch
from libs.media.sound import decode_mono, decoded, sound_starts
from libs.runtime.worker import report
from services.composer.changes import ChangeFinder, Planned, Small, stretches
from services.composer.lag import RATE, is_silent, lag

SMALL_SIDE = 96
"""The longer side of the small pictures that are looked at."""

BLACK_LEVEL = 16
BLACK_SHARE = 0.995
BLACK_SECONDS = 0.5
FROZEN_LEVELS = 0.05
"""Mean difference of two pictures, of 255, up to which nothing moves."""
FROZEN_SECONDS = 1.0


class PictureMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen."""

    frames: int
    steps_ok: bool
    width: int
    height: int
    codec: str
    fps: str
    found: tuple[int | None, ...]
    """For each planned change, the frame where it was found."""
    black: tuple[Stretch, ...]
    frozen: tuple[Stretch, ...]
    poster_frame: int
    container_seconds: float


class SoundMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard. `codec` is empty when there is no sound at all."""

    codec: str
    seconds: float
    song_seconds: float
    song_silent: bool
    lag_seconds: float | None
    likeness: float


def measure_picture(path: str, fps_text: str, planned: Sequence[Planned], expected_frames: int) -> PictureMeasure:
    """Decodes the video's picture once."""
    fps = Fraction(fps_text)
    finder = ChangeFinder(planned)
    black, still = bytearray(), bytearray()
    best_score, best_frame = -1.0, 0
    steps_ok = True
    with av.open(path, format="mov", options={"protocol_whitelist": "file"}) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        width, height, codec = stream.codec_context.width, stream.codec_context.height, stream.codec_context.name
        average = stream.average_rate
        seconds = (container.duration or 0) / 1_000_000
        size = _small_size(width, height)
        count, shrinker = 0, VideoReformatter()
        for frame in decoded(container, stream):
            steps_ok = steps_ok and _is_at(frame, count, fps)
            small = _small(shrinker, frame, size)
            change = finder.add(small)
            dark = float((small.max(axis=2) <= BLACK_LEVEL).mean())
            black.append(dark >= BLACK_SHARE)
            still.append(count > 0 and change < FROZEN_LEVELS)
            if finder.is_quiet(count):
                score = poster_score(small)
                if score > best_score:
                    best_score, best_frame = score, count
            count += 1
            if count % 30 == 0:
                report(count / max(expected_frames, 1), "measuring the picture")
    return PictureMeasure(
        frames=count,
        steps_ok=steps_ok and count > 0,
        width=width,
        height=height,
        codec=codec,
        fps=str(average or fps),
        found=finder.found(),
        black=stretches(black, fps, BLACK_SECONDS),
        frozen=stretches(still, fps, FROZEN_SECONDS),
        poster_frame=best_frame,
        container_seconds=seconds,
    )


def _is_at(frame: Any, number: int, fps: Fraction) -> bool:
    return frame.pts is not None and frame.pts * frame.time_base * fps == number


def _small_size(width: int, height: int) -> tuple[int, int]:
    longest = max(width, height)
    return max(2, round(width * SMALL_SIDE / longest)), max(2, round(height * SMALL_SIDE / longest))


def _small(shrinker: VideoReformatter, frame: Any, size: tuple[int, int]) -> Small:
    small = shrinker.reformat(frame, *size, "rgb24", interpolation="AREA")
    return np.asarray(small.to_ndarray(), np.uint8)


def poster_score(small: Small) -> float:
    """How well a picture stands for the video: contrast and colour, neither dark nor washed out."""
    luma = small.mean(axis=2)
    level = float(luma.mean())
    if level < 20 or level > 235:
        return 0.0
    colour = float((small.max(axis=2).astype(np.int16) - small.min(axis=2)).mean())
    return float(luma.std()) + 0.5 * colour


def measure_sound(path: str, song: str) -> SoundMeasure:
    """Decodes both sounds and lays one on the other, each on its own clock's picture: frame 0 is time 0."""
    reference = decode_mono(Path(song), RATE)
    report(0.4, "listening")
    silent = is_silent(reference)
    with av.open(path, format="mov", options={"protocol_whitelist": "file"}) as container:
        codec = container.streams.audio[0].codec_context.name if container.streams.audio else ""
    if not codec:
        return SoundMeasure(
            codec="",
            seconds=0,
            song_seconds=reference.size / RATE,
            song_silent=silent,
            lag_seconds=None,
            likeness=0,
        )
    heard = decode_mono(Path(path), RATE)
    report(0.8, "listening")
    start = float(sound_starts(Path(path)))
    found = lag(reference, heard)
    return SoundMeasure(
        codec=codec,
        seconds=start + heard.size / RATE,
        song_seconds=reference.size / RATE,
        song_silent=silent,
        lag_seconds=None if found is None else found.seconds + start,
        likeness=0.0 if found is None else found.likeness,
    )
