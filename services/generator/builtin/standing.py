"""Where a cut stands in the frame and how it moves: on the bottom edge, so that no straight edge hangs in air."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, radians, sin
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from libs.picture.load import Gray
from services.generator.builtin.cutout import Cut, Layer
from services.generator.builtin.looks.stage import Frame, Moment, Stage

Matrix: TypeAlias = npt.NDArray[np.float64]
"""2 x 3, from the layer's pixels to the frame's."""
Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the frame."""

EDGE = 0.02
"""How much of the width or height something must lie beyond an edge to be safe from the camera."""
LOW = 0.55
"""Part of a cut's height below which the picture's sides may be cropped away with all under it."""
SUNK = 0.05
"""Part of its height that a whole object stands below the frame's edge."""
GROWTH = 1.7
"""A cut grows at most so much to carry its straight edges out of the frame."""


@dataclass(frozen=True)
class Footing:
    """Which edges of a cut are straight because its picture ended there.

    bottom: rows from the top that are shown. left, right, top: these have to lie on or beyond the frame's edge.
    """

    bottom: float
    left: bool
    right: bool
    top: bool
    whole: bool
    """All of it was in the picture: it may also hang free."""


def footing(mask: Gray) -> Footing:
    """What a cropped mask tells about its edges."""
    rows, columns = mask.shape
    lit = mask >= 128
    deep = max(1, round(0.006 * columns))
    sides = [lit[:, :deep].all(axis=1), lit[:, -deep:].all(axis=1)]
    ends = (lit[:1].mean(), lit[-1:].mean())
    bottom, cut = float(rows), []
    for side in sides:
        starts = int(np.argmax(side)) if side.mean() > 0.06 else rows
        cut.append(starts < rows)
    firsts = [int(np.argmax(side)) for side, is_cut in zip(sides, cut, strict=True) if is_cut]
    high = [first for first in firsts if first < LOW * rows]
    if firsts and not high:
        bottom, cut = float(min(firsts) + 0.01 * rows), [False, False]
    floor = ends[1] > 0.3
    whole = not (floor or any(cut) or firsts)
    if whole:
        bottom = rows * (1.0 - SUNK)
    return Footing(bottom, cut[0], cut[1], bool(ends[0] > 0.2), whole)


@dataclass(frozen=True)
class Sway:
    """How far a cut has moved from rest: scale, shift in pixels, turn in degrees clockwise."""

    scale: float = 1.0
    right: float = 0.0
    down: float = 0.0
    turn: float = 0.0


@dataclass(frozen=True, eq=False)
class Figure:
    """A cut at its size in the frame, its corner at (x, y) when at rest; it grows and turns around (0.5, foot)."""

    cut: Cut
    x: float
    y: float
    foot: float
    """Rows from its top to what it stands on."""

    def at(self, sway: Sway) -> Matrix:
        """From the pixels of its layers to the frame's."""
        foot_x, foot_y = 0.5 * self.cut.mask.shape[1], self.foot
        across, up = sway.scale * cos(radians(sway.turn)), sway.scale * sin(radians(sway.turn))
        x, y = self.x + foot_x + sway.right, self.y + foot_y + sway.down
        return np.array(
            [[across, -up, x - across * foot_x + up * foot_y], [up, across, y - up * foot_x - across * foot_y]]
        )


def stand(
    cut: Cut, width: int, height: int, *, middle: float = 0.5, tall: float = 0.95, wide: float = 0.9
) -> Figure:
    """A cut standing on the bottom edge of a frame.

    middle: where its middle stands, in parts of the width. tall, wide: the most it takes of the frame.
    """
    feet = footing(cut.mask)
    columns = cut.mask.shape[1]
    scale = min(tall * height / feet.bottom, wide * width / columns)
    most = GROWTH * scale
    if feet.left and feet.right:
        scale = min(max(scale, (1.0 + 2.0 * EDGE) * width / columns), most)
    if feet.top:
        scale = min(max(scale, (1.0 + 2.0 * EDGE) * height / feet.bottom), most)
    x = middle * width - scale * _centre(cut.mask)
    far = width * (1.0 + EDGE) - scale * columns
    if feet.left and feet.right:
        x = min(max(x, min(far, -EDGE * width)), max(far, -EDGE * width))
    elif feet.left:
        x = -EDGE * width
    elif feet.right:
        x = far
    foot = scale * feet.bottom
    y = height * (1.0 + EDGE) - foot
    if y < 0.0:
        y = -EDGE * height if feet.top else 0.06 * height
        foot = height * (1.0 + EDGE) - y
    return Figure(cut.resized(scale), x, y, foot)


def _centre(mask: Gray) -> float:
    """Column of the upper half's weight: a head stands in the middle, whatever the arms do."""
    upper = mask[: max(1, mask.shape[0] // 2)].sum(axis=0, dtype=np.float64)
    columns = np.arange(mask.shape[1])
    weight = float((upper * columns).sum() / max(float(upper.sum()), 1.0))
    return float(0.6 * weight + 0.4 * (mask.shape[1] - 1) / 2.0)


def breathing(stage: Stage, moment: Moment, *, beat: float = 0.011, lean: float = 0.5) -> Sway:
    """A cut that comes nearer or goes with the camera, leans a little, and lifts itself on the beat.

    beat: part of its size that it grows on the beat. lean: degrees.
    """
    pose = stage.pose(moment.shot)
    phase = 2.0 * pi * (stage.seed % 997) / 997.0
    run = 0.9 * stage.pace * moment.time
    lift = beat * stage.depth * moment.pulse
    return Sway(
        scale=1.0 + 1.3 * (pose.scale - 1.02) + lift,
        right=-1.5 * pose.right * stage.width + 0.004 * stage.width * sin(run + phase),
        down=max(0.0, -0.6 * pose.down * stage.height),
        turn=lean * sin(0.7 * run + 2.0 * phase) + pose.roll,
    )


def lay(frame: Frame, layer: Layer, at: Matrix) -> None:
    """Draw a layer over the frame, in place. Only the part that it touches is computed."""
    box = touched(layer, at, frame)
    if box is not None:
        seen = warped(layer, at, box)
        blend(frame, box, cv2.cvtColor(seen, cv2.COLOR_BGRA2BGR), cv2.extractChannel(seen, 3))


def blend(frame: Frame, box: Box, premultiplied: MatLike, mask: MatLike) -> None:
    """Lay pixels that are multiplied by their mask over a box of the frame, in place."""
    under = frame[box[1] : box[3], box[0] : box[2]]
    rest = cv2.cvtColor(cv2.bitwise_not(mask), cv2.COLOR_GRAY2BGR)
    under[:] = cv2.add(cv2.multiply(under, rest, scale=1.0 / 255.0), premultiplied)


def warped(part: npt.NDArray[np.uint8], at: Matrix, box: Box) -> npt.NDArray[np.uint8]:
    """The part as it lies in a box of the frame."""
    moved = at.copy()
    moved[:, 2] -= (box[0], box[1])
    size = (box[2] - box[0], box[3] - box[1])
    return np.asarray(cv2.warpAffine(part, moved, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)


def touched(part: npt.NDArray[np.uint8], at: Matrix, frame: Frame) -> Box | None:
    """The box of the frame in which a layer lies; None outside."""
    rows, columns = part.shape[:2]
    corners = np.array([[0, 0, 1], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]]) @ at.T
    low, high = np.floor(corners.min(axis=0)) - 1, np.ceil(corners.max(axis=0)) + 1
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    x1, y1 = min(frame.shape[1], int(high[0])), min(frame.shape[0], int(high[1]))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
