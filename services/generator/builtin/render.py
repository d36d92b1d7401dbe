"""One shot from first to last frame: runs in a worker child."""

from __future__ import annotations

import msgspec

from libs.contracts.analysis import Analysis
from libs.contracts.storyboard import Shot
from libs.media.encoding import Quality
from libs.media.ffmpeg import FrameWriter
from libs.media.frames import parse_fps
from libs.picture.load import load_picture
from libs.picture.oklab import oklab_of
from libs.runtime.worker import report
from services.generator.backend import ClipOrder
from services.generator.builtin.painter import Painter

REPORT_EVERY = 6
"""Frames between two words on how far it is."""


def render_clip(order: ClipOrder, ffmpeg: str, quality: Quality) -> int:
    """Draw the order's shot and encode it to `order.out`; returns the frames written.

    It is encoded for good: the video takes the part between the transitions as it is.
    Raises Permanent("bad_image") for a picture that can't be decoded, and what FrameWriter raises.
    """
    shot = order.shot
    analysis = msgspec.json.decode(order.analysis.read_bytes(), type=Analysis)
    picture = None
    if order.image is not None:
        picture = load_picture(order.image, oklab_of(shot.scene.palette.ground))
    fps = parse_fps(order.fps)
    painter = Painter(shot, analysis, fps=fps, width=order.width, height=order.height, picture=picture)
    message = f"{shot.scene.id}: {painter.look_name}"
    report(0.0, message)
    writer = FrameWriter(
        order.out, order.width, order.height, fps, quality=quality, keys=borders(shot), binary=ffmpeg
    )
    with writer:
        for frame in painter.frames():
            writer.write(frame)
            if writer.frames % REPORT_EVERY == 0:
                report(writer.frames / shot.frames, message)
    return writer.frames


def borders(shot: Shot) -> frozenset[int]:
    """The clip's frames where the transition into the scene is over, and where the one out of it begins."""
    tail = shot.frames - shot.lead - (shot.scene.end_frame - shot.scene.start_frame)
    return frozenset(frame for frame in (2 * shot.lead, shot.frames - 2 * tail) if 0 < frame < shot.frames)
