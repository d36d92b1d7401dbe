"""Where a crop of the theme picture aims and how near it may come. Pure arithmetic, in parts of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from libs.picture.subject import Subject

FOCUS = (0.5, 0.32)
"""Where a crop aims when the subject isn't known: faces and subjects sit above the middle."""
HEAD = 0.30
"""The upper part of a subject that is never cropped."""
ALONE = 0.8
"""The part of a subject without shoulders, a face or a thing, that isn't cropped."""
SHOULDERS = 1.25
"""Times that a body is wider than its head, at least."""
NECK = 1.2
"""Times that what is above and below a neck is wider than it."""
CHIN = 1.1
"""The chin lies this much below the narrowest row that is found: hair is what widens a head."""
FREE = 0.97
"""A subject that ends above this part of the picture stands free: all of it is shown."""
HEADROOM = 0.13
"""Parts of the view above a subject that is taller than it."""
AIR = 1.25
"""The view is so many times wider and taller than the head: the camera comes nearer over a shot."""
WITHIN = 1.2
"""The view aside is so many times wider than what has to be in it."""
CROP = 1.6
"""Without a known subject no more than this is lost of the longer way, so that a portrait keeps its hair."""
NEARER = 1.9
"""The same where it is known what draws the eye."""
LOWER = 0.2
"""How far a view without a known subject follows the eye up and down: roofs and tree tops have to be in it."""
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
    eye: tuple[float, float] | None = None,
    aside: float = 0.0,
    screened: bool = False,
) -> Crop:
    """The crop of a picture (width, height) for a frame (width, height), as near as wished where that is wise.

    eye: what draws it where no subject is known. aside: how far the view stands beside its aim, as long as no
    head is cropped for it.
    """
    across, along = picture
    width, height = frame
    fill = max(width / across, height / along)
    wide, tall = width / (across * fill), height / (along * fill)
    upscale = (SCREENED_UPSCALE if screened else PLAIN_UPSCALE) / fill
    if subject is None:
        nearest = min(upscale, (CROP if eye is None else NEARER) * min(wide, tall))
        x, y = FOCUS if eye is None else (eye[0], FOCUS[1] + LOWER * (eye[1] - FOCUS[1]))
        return Crop(min(closeness, max(nearest, 1.04)), (x + aside, y))
    left, top, right, bottom = head_of(subject)
    nearest = min(upscale, wide / (AIR * (right - left)), tall / (AIR * (bottom - top)))
    whole = subject.box[3] < FREE
    if whole:
        across_box, along_box = subject.box[2] - subject.box[0], subject.box[3] - subject.box[1]
        nearest = min(nearest, wide / (AIR * across_box), tall / (1.1 * along_box))
    closeness = min(closeness, max(nearest, 1.04))
    shown = (left, top, right, bottom) if not whole else (subject.box[0], top, subject.box[2], bottom)
    return Crop(closeness, _aim(subject.box, shown, wide / closeness, tall / closeness, aside))


def _aim(box: Box, head: Box, wide: float, tall: float, aside: float) -> tuple[float, float]:
    """The middle of a view wide x tall that has the head in it, and the whole subject where that fits."""
    left, top, right, bottom = head
    room = max(0.0, (wide - (right - left) * WITHIN) / 2.0)
    middle = (left + right) / 2.0
    if box[2] - box[0] < 0.94 * wide:
        middle = 0.5 * (middle + (box[0] + box[2]) / 2.0)
    x = middle + min(max(aside, -room), room)
    if box[3] - top < 0.94 * tall:
        return x, (top + box[3]) / 2.0
    if bottom - top > 0.9 * tall:
        return x, top + 0.5 * (bottom - top)
    return x, top + (0.5 - HEADROOM) * tall


def head_of(subject: Subject) -> Box:
    """The box of the subject's head: down to its neck where it has one, else its upper part; most of a thing."""
    left, top, right, bottom = subject.box
    rows, columns = subject.mask.shape
    first, last = round(top * rows), max(round(bottom * rows), round(top * rows) + 2)
    inside = subject.mask[first:last] > 127
    share = _neck(inside.sum(axis=1).astype(np.float64))
    end = top + share * (bottom - top)
    seen = np.flatnonzero(inside[: max(1, round(share * len(inside)))].any(axis=0))
    if len(seen):
        left, right = float(seen[0]) / columns, float(seen[-1] + 1) / columns
    return left, top, max(right, left + 1e-3), max(end, top + 1e-3)


def _neck(widths: npt.NDArray[np.float64]) -> float:
    """How far down the head goes, in parts of the subject, by how wide each of its rows is."""
    upper = max(1, round(HEAD * len(widths)))
    above = np.maximum.accumulate(widths)
    below = np.maximum.accumulate(widths[::-1])[::-1]
    valley = np.minimum(above, below) / np.maximum(widths, 1.0)
    deepest = int(np.argmax(valley[upper // 2 :])) + upper // 2
    if valley[deepest] > NECK:
        return min(1.0, CHIN * deepest / len(widths))
    alone = float(widths[upper:].max(initial=0.0)) < SHOULDERS * float(widths[:upper].max())
    return ALONE if alone else HEAD
