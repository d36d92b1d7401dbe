"""Tunnel: nested solid polygons that come nearer by one step on each beat."""

from __future__ import annotations

from math import pi

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.colour import Inks, Lab, solid
from services.generator.builtin.grading import key_of
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage

LOOK = LookEntry(
    name="tunnel",
    family="geometry",
    summary="A tunnel of flat colours that comes on with the beat.",
    mark=4.0,
    energy=(0.6, 1.0),
    sections=("chorus",),
    texture="flat",
    movement="beat",
    most_seconds=8.0,
)

RATIO = 1.6
SUBPIXEL = 4
LIGHTNESS = {"night": (0.26, 0.54), "colour": (0.36, 0.68), "paper": (0.56, 0.88)}
"""A narrower range than the palette's: whole fields change place here, and wide steps would flash."""

LEAST_CHROMA = 0.09
"""Greyer inks look like slate between coloured ones."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Tunnel(stage)


class Tunnel:
    """Each polygon is RATIO times the one inside it; sides and turn change with the variant."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.sides = (6, 4, 5)[stage.variant % 3]
        self.spin = float(random.choice([-1.0, 1.0])) * (0.10 + 0.1 * stage.motion)
        self.turn = float(random.uniform(0, 2 * pi))
        self.colours = [_calmed(ink, stage.inks) for ink in stage.inks.row]

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        place = 0.5 * (0.65 * moment.step + 0.35 * moment.count)
        born = int(np.floor(place))
        within = place - born
        x = (0.5 - 2.5 * pose.right + 0.03 * np.sin(0.6 * moment.time)) * stage.width
        y = (0.5 - 2.5 * pose.down + 0.03 * np.cos(0.5 * moment.time)) * stage.height
        innermost = 0.035 * min(stage.width, stage.height) * pose.scale * RATIO**within
        far = float(np.hypot(max(x, stage.width - x), max(y, stage.height - y))) / np.cos(pi / self.sides)
        count = int(np.ceil(np.log(far / innermost) / np.log(RATIO))) + 1
        image = np.empty((stage.height, stage.width, 3), np.uint8)
        image[:] = solid(self.colours[(born - count) % len(self.colours)])
        corners = np.arange(self.sides) * 2.0 * pi / self.sides
        for step in range(count - 1, -1, -1):
            radius = innermost * RATIO**step * (1.0 + 0.03 * stage.depth * moment.pulse)
            angle = corners + self.turn + self.spin * moment.time + 0.09 * (step + within)
            points = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=-1)
            colour = solid(self.colours[(born - step) % len(self.colours)])
            shape = np.rint(np.clip(points, -30000, 30000) * (1 << SUBPIXEL)).astype(np.int32)
            cv2.fillPoly(image, [shape], colour, cv2.LINE_AA, SUBPIXEL)
        return image


def _calmed(ink: Lab, inks: Inks) -> Lab:
    """The ink between the LIGHTNESS bounds; one that has hardly a hue takes that of the nearest in lightness."""
    least, most = LIGHTNESS[key_of(inks)]
    source = ink
    if _chroma(ink) < LEAST_CHROMA:
        strong = [other for other in inks.row if _chroma(other) >= LEAST_CHROMA]
        source = min(strong, key=lambda other: abs(float(other[0] - ink[0])), default=ink)
    return np.array([least + (most - least) * float(ink[0]), source[1], source[2]])


def _chroma(ink: Lab) -> float:
    return float(np.hypot(ink[1], ink[2]))
