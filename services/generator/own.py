"""A person's own clip becomes a take: from its beginning, in the video's frames, size and rate. For a worker child.

It is shown as fast as it was shot. One that is shorter than its shot begins again; what stands over the picture's
edges is cut off evenly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from libs.contracts.errors import BeatloomError, Permanent
from libs.contracts.storyboard import Shot
from libs.media.encoding import Encoding
from libs.media.film import moving_picture
from libs.media.guards import memory_limit
from libs.media.sound import decoded, open_media
from libs.media.track import beginning, time_of
from libs.media.writer import FrameWriter
from libs.runtime.worker import report
from services.generator.builtin.render import borders
from services.generator.comfyui.conform import Faulty, Frame, filling

BACKEND = "own"
VERSION = "1"
"""Raised whenever the same clip would be fitted otherwise."""
MEMORY = 3 << 30
REPORT_EVERY = 10
ROUNDING = 0.05
"""Of a frame."""


class OwnClip(NamedTuple):
    """What becomes of what."""

    clip: Path
    shot: Shot
    encoding: Encoding
    out: Path


def fit_clip(order: OwnClip) -> int:
    """Write the shot's frames; how many. Raises Permanent for a clip that can't be used: not_media,
    no_video_stream, image_too_large; and what FrameWriter raises."""
    encoding, frames = order.encoding, order.shot.frames
    pictures = shown(order.clip, encoding.fps)
    with memory_limit(MEMORY), FrameWriter(order.out, encoding, keys=borders(order.shot)) as writer:
        while writer.frames < frames:
            picture, times = next(pictures)
            try:
                filled = filling(picture, encoding.width, encoding.height)
            except Faulty as error:
                raise Permanent("no_video_stream", str(error)) from error
            writer.write(filled, min(times, frames - writer.frames))
            if writer.frames % REPORT_EVERY < times:
                report(writer.frames / frames, "fitting the clip")
    return frames


def shown(path: Path, fps: Fraction) -> Iterator[tuple[Frame, int]]:
    """The clip's pictures, BGR, over and over, each with the number of frames for which it is seen."""
    while True:
        at = 0
        last: tuple[Frame, float] | None = None
        step = float(1 / fps)
        for picture, moment in _pictures(path):
            if last is not None:
                until = max(_first_frame(moment, fps), at)
                if until > at:
                    yield last[0], until - at
                at, step = until, max(moment - last[1], 0.0) or step
            last = picture, moment
        if last is None:
            raise Permanent("no_video_stream", "No picture of the clip can be decoded.")
        yield last[0], max(1, _first_frame(last[1] + step, fps) - at)


def _first_frame(moment: float, fps: Fraction) -> int:
    """The first frame that is shown at this second or later; containers round their times."""
    return math.ceil(moment * fps - ROUNDING)


def _pictures(path: Path) -> Iterator[tuple[Frame, float]]:
    """Each picture, upright, with the second at which it is shown first."""
    try:
        with open_media(path) as container:
            stream = moving_picture(container)
            start, shown_at = beginning(container), 0.0
            for frame in decoded(container, stream):
                shown_at = shown_at if frame.pts is None else max(time_of(frame) - start, shown_at)
                turns = round(getattr(frame, "rotation", 0) / 90) % 4
                picture = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
                yield np.ascontiguousarray(np.rot90(picture, turns)), shown_at
    except BeatloomError:
        raise
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise Permanent("no_video_stream", "The clip can't be decoded.") from error
