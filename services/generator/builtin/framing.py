"""Where a crop of the theme picture aims and how near it may come. Pure arithmetic, in parts of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from libs.picture.subject import Subject

FOCUS = (0.5, 0.32)
"""Where a crop aims when the subject isn't known: faces and subjects sit above the middle."""
HEAD = 0.30
"""The upper part of a subject that is never cropped."""
HEADROOM = 0.13
"""Parts of the view above a subject that is taller than it."""
AIR = 1.25
"""The view is so many times wider and taller than the head: the camera comes nearer over a shot."""
CROP = 1.6
"""Without a known subject no more than this is lost of the longer way, so that a portrait keeps its hair."""
PLAIN_UPSCALE = 2.3
SCREENED_UPSCALE = 4.0
"""Frame pixels for one of the picture: more looks soft; a screen of dots or lines hides some of it."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Crop:
    """closeness: times nearer than needed to fill the frame. focus: what lies in the frame's middle."""

    closeness: float
    focus: tuple[float, float]


def aimed(
    picture: tuple[int, int],
    frame: tuple[int, int],
    closeness: float,
    *,
    subject: Subject | None = None,
    aside: float = 0.0,
    screened: bool = False,
    open_height: float = 1.0,
) -> Crop:
    """The crop of a picture (width, height) for a frame (width, height), as near as wished where that is wise.

    aside: how far the view stands beside its aim, as long as no head is cropped for it. open_height: the part
    of the frame's height, around its middle, that isn't covered.
    """
    across, along = picture
    width, height = frame
    fill = max(width / across, height / along)
    wide, tall = width / (across * fill), height * open_height / (along * fill)
    upscale = (SCREENED_UPSCALE if screened else PLAIN_UPSCALE) / fill
    if subject is None:
        nearest = min(upscale, CROP * min(wide, tall))
        return Crop(min(closeness, max(nearest, 1.04)), (FOCUS[0] + aside, FOCUS[1]))
    left, top, right, bottom = head = head_of(subject)
    nearest = min(upscale, wide / (AIR * (right - left)), tall / (AIR * (bottom - top)))
    closeness = min(closeness, max(nearest, 1.04))
    return Crop(closeness, _aim(subject.box, head, wide / closeness, tall / closeness, aside))


def _aim(box: Box, head: Box, wide: float, tall: float, aside: float) -> tuple[float, float]:
    """The middle of a view wide x tall that has the head in it, and the whole subject where that fits."""
    left, top, right, bottom = head
    room = max(0.0, (wide - (right - left) * 1.1) / 2.0)
    middle = (left + right) / 2.0
    if box[2] - box[0] < 0.94 * wide:
        middle = 0.5 * (middle + (box[0] + box[2]) / 2.0)
    x = middle + min(max(aside, -room), room)
    if box[3] - top < 0.86 * tall:
        return x, (top + box[3]) / 2.0
    if bottom - top > 0.9 * tall:
        return x, top + 0.55 * (bottom - top)
    return x, top + (0.5 - HEADROOM) * tall


def head_of(subject: Subject) -> Box:
    """The box of the subject's upper part."""
    left, top, right, bottom = subject.box
    rows, columns = subject.mask.shape
    end = top + HEAD * (bottom - top)
    part = subject.mask[round(top * rows) : max(round(end * rows), round(top * rows) + 1)] > 127
    seen = np.flatnonzero(part.any(axis=0))
    if len(seen):
        left, right = float(seen[0]) / columns, float(seen[-1] + 1) / columns
    return left, top, max(right, left + 1e-3), max(end, top + 1e-3)
