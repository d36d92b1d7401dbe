"""Where a cut stands in the frame and how it moves: on the bottom edge, so that no straight edge hangs in air."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, pi, radians, sin, tanh
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from libs.picture.load import Gray
from services.generator.builtin.cutout.cut import Cut, Layer, premultiplied, snipped, widened
from services.generator.builtin.looks.stage import Frame, Moment, Stage
from services.generator.builtin.paint.colour import Lab, Table, solid
from services.generator.builtin.paint.layers import lay_over

Matrix: TypeAlias = npt.NDArray[np.float64]
"""2 x 3, from the layer's pixels to the frame's."""
Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the frame."""

EDGE = 0.02
"""How much of the width or height something must lie beyond an edge to be safe from the camera."""
LOW = 0.55
"""Part of a cut's height below which the picture's sides may be cropped away with all under it."""
SUNK = 0.04
"""Part of its height that a tall whole object stands below the frame's edge."""
SLENDER = 1.5
"""Height by width from which a whole object stands rather than hangs."""
HANGS = (0.84, 0.82)
"""The most that a hanging object takes of the height and the width."""
LEVEL = 0.54
SOFT = 3.4
"""From so many times its size on a cut is too soft without a screen."""
PITCH = 8.0
"""Pixels from dot to dot at 720."""
ASIDE = 0.014
"""Parts of the width that it goes aside at most: less than what lies beyond an edge."""
MOST_NEAR = 0.055
"""Parts of its size by which the camera comes nearer at most, so that no head leaves the frame."""
GROWTH = 1.7
"""A cut grows at most so much to carry its straight edges out of the frame."""


@dataclass(frozen=True)
class Footing:
    """Which edges of a cut are straight because its picture ended there.

    bottom: rows from the top that are shown. left, right, top: these have to lie on or beyond the frame's edge.
    free: all of it was in the picture, so that it may hang in the air; what is tall stands none the less.
    """

    bottom: float
    left: bool
    right: bool
    top: bool
    free: bool


def footing(cut: Cut) -> Footing:
    """What a cut tells about its edges."""
    rows, columns = cut.mask.shape
    lit = cut.mask >= 128
    deep = max(1, round(0.006 * columns))
    ends = {"left": lit[:, :deep].all(axis=1), "right": lit[:, -deep:].all(axis=1)}
    first = {side: int(np.argmax(end)) for side, end in ends.items() if side in cut.edges and end.mean() > 0.06}
    high = {side for side, start in first.items() if start < LOW * rows}
    bottom = float(rows)
    if first and not high:
        bottom = min(first.values()) + 0.01 * rows
    top = "top" in cut.edges and bool(lit[0].mean() > 0.2)
    whole = not (first or top or ("bottom" in cut.edges and lit[-1].mean() > 0.12))
    free = whole and rows < SLENDER * columns
    if whole and not free:
        bottom = rows * (1.0 - SUNK)
    return Footing(bottom, "left" in high, "right" in high, top, free)


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
    scale: float
    """How much larger it is than in its picture."""

    def outlined(self, layer: Layer, ink: Lab, reach: float, *, snip: float = 0.0) -> tuple[Layer, int]:
        """A layer of this figure with a line of `reach` pixels around it, and the air at its sides.

        It is laid with `aired(figure.at(...), air)`. snip: pixels by which scissors would cut the line's corners.
        """
        air = int(np.ceil(reach)) + 3
        line = widened(self.cut.mask, reach, air, 0.35 * reach)
        line = snipped(line, snip) if snip else line
        around = premultiplied(np.full((*line.shape, 3), solid(ink), np.uint8), line)
        rest = 255 - cv2.copyMakeBorder(self.cut.mask, air, air, air, air, cv2.BORDER_CONSTANT, value=0)
        under = cv2.multiply(around, cv2.merge([rest] * 4), scale=1.0 / 255.0)
        inner = cv2.copyMakeBorder(layer, air, air, air, air, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
        return np.asarray(cv2.add(under, inner), dtype=np.uint8), air

    def inked(self, table: Table, unit: float, *, natural: bool = False) -> Layer:
        """The cut in a table's colours, or mostly in its own; in dots where it is too soft to be shown as it is."""
        if self.scale > SOFT:
            return self.cut.dotted(table, max(4.0, PITCH * unit))
        return self.cut.natural(table) if natural else self.cut.inked(table)

    def at(self, sway: Sway) -> Matrix:
        """From the pixels of its layers to the frame's."""
        foot_x, foot_y = 0.5 * self.cut.mask.shape[1], self.foot
        across, up = sway.scale * cos(radians(sway.turn)), sway.scale * sin(radians(sway.turn))
        x, y = self.x + foot_x + sway.right, self.y + foot_y + sway.down
        return np.array(
            [[across, -up, x - across * foot_x + up * foot_y], [up, across, y - up * foot_x - across * foot_y]]
        )


def stand(
    cut: Cut,
    width: int,
    height: int,
    *,
    middle: float = 0.5,
    tall: float = 0.95,
    wide: float = 0.9,
    level: float = LEVEL,
) -> Figure:
    """A cut standing on the bottom edge of a frame, or hanging in it where it is whole.

    middle: where its middle stands, in parts of the width. tall, wide: the most it takes of the frame. level: where
    the middle of what hangs is, in parts of the height.
    """
    feet = footing(cut)
    columns = cut.mask.shape[1]
    if feet.free:
        most = min(wide, HANGS[1]) * width, min(tall, HANGS[0]) * height
        return _hang(cut, (width, height), (middle, level), most)
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
    else:
        x = _inside(x, scale * columns, width, EDGE * width)
    foot = scale * feet.bottom
    y = height * (1.0 + EDGE) - foot
    if y < 0.0:
        y = -EDGE * height if feet.top else 0.06 * height
        foot = height * (1.0 + EDGE) - y
    return Figure(cut.resized(scale), x, y, foot, scale)


def _hang(cut: Cut, size: tuple[int, int], at: tuple[float, float], most: tuple[float, float]) -> Figure:
    """All of it in the frame, its middle `at` parts of it as far as it has room; it grows from there."""
    (width, height), (rows, columns) = size, cut.mask.shape
    scale = min(most[0] / columns, most[1] / rows)
    x = _inside(at[0] * width - 0.5 * scale * columns, scale * columns, width, -0.045 * width)
    y = min(at[1] * height - 0.5 * scale * rows, 0.96 * height - scale * rows)
    return Figure(cut.resized(scale), x, max(y, 0.04 * height), 0.5 * scale * rows, scale)


def _inside(x: float, length: float, room: int, over: float) -> float:
    """The start of a length that lies in the room, reaching `over` it at most; centred if it is too long."""
    if length > room + 2.0 * over:
        return 0.5 * (room - length)
    return min(max(x, -over), room + over - length)


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
    nearer = MOST_NEAR * (1.0 - exp(-max(pose.scale - 1.02, 0.0) / MOST_NEAR))
    lift = beat * stage.depth * moment.pulse
    return Sway(
        scale=1.0 + nearer + lift,
        right=stage.width * (ASIDE * tanh(-1.5 * pose.right / ASIDE) + 0.004 * sin(run + phase)),
        down=max(0.0, -0.6 * pose.down * stage.height) + 0.0015 * stage.height * (1.0 + sin(1.3 * run + phase)),
        turn=lean * sin(0.7 * run + 2.0 * phase) + pose.roll,
    )


def aired(at: Matrix, air: float) -> Matrix:
    """The matrix of a layer that has `air` pixels more at its left and top."""
    moved = at.copy()
    moved[:, 2] -= at[:, :2] @ (air, air)
    return moved


def lay(frame: Frame, layer: Layer, at: Matrix) -> None:
    """Draw a layer over the frame, in place. Only the part that it touches is computed."""
    box = touched(layer, at, frame)
    if box is not None:
        seen = warped(layer, at, box)
        part = frame[box[1] : box[3], box[0] : box[2]]
        lay_over(part, cv2.cvtColor(seen, cv2.COLOR_BGRA2BGR), cv2.extractChannel(seen, 3))


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
