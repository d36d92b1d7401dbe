"""The finished file, measured: decoded once, small, in bounded memory. For a worker child."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import msgspec
import numpy as np
from av.video.reformatter import VideoReformatter

from libs.contracts.report import Stretch
from libs.measure.bits import BitMeter, BitRate
from libs.measure.light import Small, is_black, small_size
from libs.measure.music import Music, hear
from libs.measure.watch import Seen, Watch
from libs.media.film import FAST, shrunk
from libs.media.loudness import Loudness
from libs.media.sound import decode_mono, decoded
from libs.media.track import hear_track, time_of
from libs.runtime.worker import report
from services.composer.changes import ChangeFinder, Planned, stretches
from services.composer.lag import RATE, is_silent, lag

BLACK_SECONDS = 0.5
FROZEN_LEVELS = 0.05
"""Mean difference of two pictures, of 255, up to which nothing moves."""
FROZEN_SECONDS = 1.0


class Shots(NamedTuple):
    """Frames that are kept while all are measured."""

    numbers: Sequence[int]
    size: tuple[int, int]
    """Width and height that they are kept in."""


NO_SHOTS = Shots((), (2, 2))


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
    seen: Seen
    rate: BitRate | None
    shots: tuple[Small, ...] = ()
    """The frames that were asked for, as far as they are there."""


class SoundMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard. `codec` is empty when there is no sound at all."""

    codec: str
    seconds: float
    song_seconds: float
    song_silent: bool
    lag_seconds: float | None
    likeness: float
    music: Music
    """What is heard in the song."""
    loudness: Loudness | None = None
    rate: BitRate | None = None


def measure_picture(
    path: str,
    fps_text: str,
    planned: Sequence[Planned],
    expected_frames: int,
    wanted: Shots = NO_SHOTS,
) -> PictureMeasure:
    """Decodes the video's picture once."""
    fps, numbers = Fraction(fps_text), frozenset(wanted.numbers)
    shots: dict[int, Small] = {}
    finder, watch, bits = ChangeFinder(planned), Watch(), BitMeter()
    black, still = bytearray(), bytearray()
    best_score, best_frame = -1.0, 0
    steps_ok = True
    with av.open(path, format="mov", options={"protocol_whitelist": "file"}) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.options = FAST
        width, height, codec = stream.codec_context.width, stream.codec_context.height, stream.codec_context.name
        average = stream.average_rate
        seconds = (container.duration or 0) / 1_000_000
        size = small_size(width, height)
        count, shrinker = 0, VideoReformatter()
        for frame in decoded(container, stream, lambda packet: bits.add(time_of(packet), packet.size)):
            steps_ok = steps_ok and _is_at(frame, count, fps)
            small = shrunk(shrinker, frame, size)
            finder.add(small)
            change = watch.add(small, float(count / fps))
            black.append(is_black(small))
            still.append(count > 0 and change < FROZEN_LEVELS)
            if finder.is_quiet(count):
                score = poster_score(small)
                if score > best_score:
                    best_score, best_frame = score, count
            if count in numbers:
                shots[count] = shrunk(shrinker, frame, wanted.size)
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
        seen=watch.seen(),
        rate=bits.rate(float(count / fps)),
        shots=tuple(shots[number] for number in wanted.numbers if number in shots),
    )


def _is_at(frame: Any, number: int, fps: Fraction) -> bool:
    return frame.pts is not None and frame.pts * frame.time_base * fps == number


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
    music = hear(reference, RATE)
    report(0.4, "listening")
    silent = is_silent(reference)
    track = hear_track(Path(path), RATE)
    if track is None:
        return SoundMeasure(
            codec="",
            seconds=0,
            song_seconds=reference.size / RATE,
            song_silent=silent,
            lag_seconds=None,
            likeness=0,
            music=music,
        )
    report(0.8, "listening")
    found = lag(reference, track.samples)
    seconds = track.start + track.samples.size / RATE
    return SoundMeasure(
        codec=track.codec,
        seconds=seconds,
        song_seconds=reference.size / RATE,
        song_silent=silent,
        lag_seconds=None if found is None else found.seconds + track.start,
        likeness=0.0 if found is None else found.likeness,
        music=music,
        loudness=track.loudness,
        rate=track.bits.rate(seconds),
    )
