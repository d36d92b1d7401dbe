"""The finished file's picture, measured: decoded once, small, in bounded memory. For worker children.

A long video is watched in two parts side by side, which meet in the middle of a scene; what comes out is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any, NamedTuple

import av
import msgspec
import numpy as np
from av.video.reformatter import VideoReformatter

from libs.contracts.report import Stretch
from libs.measure.bits import BitMeter, BitRate
from libs.measure.light import Small, brightest, is_black, small_size
from libs.measure.watch import Seen, Watch
from libs.media.film import FAST, shrunk
from libs.media.held import Held
from libs.media.sound import decoded
from libs.media.track import time_of
from libs.runtime.worker import report
from services.composer.changes import ChangeFinder, Planned, stretches

BLACK_SECONDS = 0.5
FROZEN_LEVELS = 0.05
"""Mean difference of two pictures, of 255, up to which nothing moves."""
FROZEN_SECONDS = 1.0

LONG_FRAMES = 600
"""From so many frames on, a video is watched in two parts."""
LONG_SCENE = 60
"""Parts meet in scenes of at least so many frames, far from any change."""
POSTER_STEP = 6
"""Every so many frames one is weighed for the poster."""
WARM_SECONDS = 1.5
"""What is looked at before a part begins, so that its first frames are seen as after those before them."""


class Shots(NamedTuple):
    """Frames that are kept while all are measured."""

    numbers: Sequence[int]
    size: tuple[int, int]
    """Width and height that they are kept in."""


NO_SHOTS = Shots((), (2, 2))


class Span(NamedTuple):
    """Frames `first` (included) to `end` (excluded; None: the last) of a video, and the changes planned in them."""

    first: int
    end: int | None
    planned: tuple[Planned, ...]


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


class PartMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen in a span."""

    frames: int
    steps_ok: bool
    width: int
    height: int
    codec: str
    fps: str
    found: tuple[int | None, ...]
    black: bytes
    still: bytes
    """For each frame, whether it is black, and whether nothing has moved since the one before."""
    poster: tuple[float, int]
    """How well the best frame stands for the video, and its number."""
    container_seconds: float
    seen: Seen
    bits: BitMeter
    shots: dict[int, Small]


def spans(planned: Sequence[Planned], frames: int) -> list[Span]:
    """The parts in which a video of so many frames is watched side by side."""
    edges = [0, *(one.frame for one in planned), frames]
    middles = [(start + end) // 2 for start, end in pairwise(edges) if end - start >= LONG_SCENE]
    if frames < LONG_FRAMES or not middles:
        return [Span(0, None, tuple(planned))]
    split = min(middles, key=lambda one: abs(one - frames // 2))
    early = tuple(one for one in planned if one.frame < split)
    return [Span(0, split, early), Span(split, None, tuple(planned[len(early) :]))]


def whole(fps_text: str, parts: Sequence[PartMeasure], wanted: Shots = NO_SHOTS) -> PictureMeasure:
    """What was seen in all, from the parts in order."""
    fps, first = Fraction(fps_text), parts[0]
    seen, bits, shots = first.seen, first.bits, dict(first.shots)
    for part in parts[1:]:
        seen, bits, shots = seen.then(part.seen), bits.then(part.bits), shots | part.shots
    frames = sum(part.frames for part in parts)
    return PictureMeasure(
        frames=frames,
        steps_ok=frames > 0 and all(part.steps_ok for part in parts),
        width=first.width,
        height=first.height,
        codec=first.codec,
        fps=first.fps,
        found=tuple(found for part in parts for found in part.found),
        black=stretches(b"".join(part.black for part in parts), fps, BLACK_SECONDS),
        frozen=stretches(b"".join(part.still for part in parts), fps, FROZEN_SECONDS),
        poster_frame=max((part.poster for part in parts), key=lambda one: (one[0], -one[1]))[1],
        container_seconds=first.container_seconds,
        seen=seen,
        rate=bits.rate(float(frames / fps)),
        shots=tuple(shots[number] for number in wanted.numbers if number in shots),
    )


def watch_span(path: str, fps_text: str, span: Span, expected_frames: int, wanted: Shots = NO_SHOTS) -> PartMeasure:
    """Decodes a part of the picture once."""
    fps, numbers = Fraction(fps_text), frozenset(wanted.numbers)
    shots: dict[int, Small] = {}
    finder, watch, bits = ChangeFinder(span.planned, span.first), Watch(), BitMeter()
    black, still = bytearray(), bytearray()
    best = (-1.0, span.first)
    end = span.end or expected_frames

    def weigh(packet: Any) -> None:
        if span.first <= time_of(packet) * fps < (span.end or float("inf")):
            bits.add(time_of(packet), packet.size)

    with av.open(path, format="mov", options={"protocol_whitelist": "file"}) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.options = FAST
        width, height, codec = stream.codec_context.width, stream.codec_context.height, stream.codec_context.name
        average = stream.average_rate
        seconds = (container.duration or 0) / 1_000_000
        size = small_size(width, height)
        warm = max(0, span.first - round(WARM_SECONDS * fps))
        if warm:
            container.seek(floor(warm / fps / Fraction(stream.time_base or 1)), stream=stream)
        number, steps_ok, shrinker, held = span.first, True, VideoReformatter(), Held()
        small = np.zeros((0, 0, 3), np.uint8)
        tick = (stream.time_base or 1 / fps) * fps
        for frame in decoded(container, stream, weigh):
            place = number if frame.pts is None else frame.pts * tick
            if place < warm:
                continue
            if span.end is not None and place >= span.end:
                break
            again = held.again(frame)
            small = small if again else shrunk(shrinker, frame, size)
            if place < span.first:
                watch.skip(small, float(place / fps))
                continue
            steps_ok = steps_ok and frame.pts is not None and place == number
            finder.add(small)
            change = watch.add(small, float(number / fps))
            black.append(black[-1] if again and black else is_black(small))
            still.append(number > 0 and change < FROZEN_LEVELS)
            if number % POSTER_STEP == 0 and finder.is_quiet(number):
                best = max(best, (poster_score(small), number), key=lambda one: one[0])
            if number in numbers:
                shots[number] = shrunk(shrinker, frame, wanted.size)
            number += 1
            if number % 30 == 0:
                report((number - span.first) / max(end - span.first, 1), "measuring the picture")
    return PartMeasure(
        frames=number - span.first,
        steps_ok=steps_ok and (span.end is None or number == span.end),
        width=width,
        height=height,
        codec=codec,
        fps=str(average or fps),
        found=finder.found(),
        black=bytes(black),
        still=bytes(still),
        poster=best,
        container_seconds=seconds,
        seen=watch.seen(),
        bits=bits,
        shots=shots,
    )


def poster_score(small: Small) -> float:
    """How well a picture stands for the video: contrast and colour, neither dark nor washed out."""
    red, green, blue = (small[..., channel] for channel in range(3))
    luma = (red.astype(np.float32) + green + blue) / 3
    level = float(luma.mean())
    if level < 20 or level > 235:
        return 0.0
    colour = float((brightest(small) - np.minimum(np.minimum(red, green), blue)).mean())
    return float(luma.std()) + 0.5 * colour
