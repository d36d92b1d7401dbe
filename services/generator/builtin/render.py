"""One shot from first to last frame: runs in a worker child."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import file_digest

import msgspec

from libs.contracts.analysis import Analysis
from libs.contracts.storyboard import Shot
from libs.media.encoding import INTERIM, Encoding, Quality, preview_of
from libs.media.frames import parse_fps
from libs.media.writer import FrameWriter
from libs.picture.load import picture_of
from libs.picture.oklab import oklab_of
from libs.picture.subject import subject_of
from libs.runtime.worker import report
from services.generator.backend import ClipOrder
from services.generator.builtin.animatic import pictures
from services.generator.builtin.painter import Painter


def render_clip(order: ClipOrder, quality: Quality) -> int:
    """Draw the order's shot and encode it to `order.out`; returns the frames written.

    Unless it is an interim one it is encoded for good: the video takes the part between the transitions as it is.
    Raises Permanent("bad_image") for a picture that can't be decoded, and what FrameWriter raises.
    """
    shot = order.shot
    analysis = msgspec.json.decode(order.analysis.read_bytes(), type=Analysis)
    picture = subject = None
    if order.image is not None:
        with order.image.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        picture = picture_of(order.image, digest, oklab_of(shot.scene.palette.ground))
        subject = subject_of(picture, digest)
    encoding = encoding_of(order, quality)
    painter = Painter(
        shot,
        analysis,
        fps=encoding.fps,
        width=encoding.width,
        height=encoding.height,
        picture=picture,
        subject=subject,
    )
    message = ": ".join(filter(None, (shot.scene.id, painter.look_name)))
    report(0.0, message)
    with FrameWriter(order.out, encoding, keys=borders(shot)) as writer:
        for index, times in drawn(order, painter):
            writer.write(painter.frame(index), times)
            report(writer.frames / shot.frames, message)
    return writer.frames


def drawn(order: ClipOrder, painter: Painter) -> Iterable[tuple[int, int]]:
    """The frames to draw, each with how many frames it is held."""
    if not order.preview:
        return ((index, 1) for index in range(order.shot.frames))
    return pictures(order.shot.frames, painter.fps, (beat - painter.start for beat in painter.rhythm.beats))


def encoding_of(order: ClipOrder, quality: Quality) -> Encoding:
    """How the clip is encoded: as the video is, unless it is small or soon encoded again."""
    fps = parse_fps(order.fps)
    if order.preview:
        return preview_of(order.width, order.height, fps)
    return Encoding(order.width, order.height, fps, INTERIM if order.interim else quality)


def borders(shot: Shot) -> frozenset[int]:
    """The clip's frames where the transition into the scene is over, and where the one out of it begins."""
    tail = shot.frames - shot.lead - (shot.scene.end_frame - shot.scene.start_frame)
    return frozenset(frame for frame in (2 * shot.lead, shot.frames - 2 * tail) if 0 < frame < shot.frames)
