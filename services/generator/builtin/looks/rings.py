"""Rings: every other beat a ring is born and pushes the others outward; each beat is felt in their speed."""

from __future__ import annotations

from math import pi

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.colour import Inks, Lab, mix, solid
from services.generator.builtin.grading import key_of
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.noise import periodic_line

LOOK = LookEntry(
    name="rings",
    family="geometry",
    summary="Rings are born on the beat and push each other outward.",
    mark=4.0,
    energy=(0.4, 1.0),
    sections=("chorus", "bridge"),
    texture="flat",
    movement="beat",
    most_seconds=8.0,
)

BORN_A_BEAT = 0.5
POINTS = 180
SUBPIXEL = 4


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Rings(stage)


class Rings:
    """Filled shapes drawn from the outside in. The first variant is round, the next ones are wavy like a stain."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.angles = np.linspace(0.0, 2.0 * pi, POINTS, endpoint=False)
        self.wave = periodic_line(random, POINTS, 3.0, 3.0)
        self.wavy = (0.0, 0.16, 0.09)[stage.variant % 3]
        self.spacing = 0.105 * min(stage.width, stage.height)
        self.centre = (float(random.uniform(0.4, 0.6)), float(random.uniform(0.42, 0.58)))
        inks = stage.inks
        quiet, deep = _beside(inks), inks.ground
        self.colours: list[Lab] = [deep, inks.mid, quiet, inks.accent, deep, inks.low, quiet, inks.mid]
        self.core = inks.light

    def _shape(self, radius: float, turn: float, x: float, y: float) -> npt.NDArray[np.int32]:
        bumps = np.interp(
            (self.angles + turn) % (2 * pi), np.append(self.angles, 2 * pi), np.append(self.wave, self.wave[0])
        )
        reach = radius * (1.0 + self.wavy * bumps)
        points = np.stack([x + reach * np.cos(self.angles), y + reach * np.sin(self.angles)], axis=-1)
        return np.asarray(np.rint(points * (1 << SUBPIXEL)), dtype=np.int32)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        x = (self.centre[0] - 2.0 * pose.right + 0.02 * np.sin(0.5 * moment.time)) * stage.width
        y = (self.centre[1] - 2.0 * pose.down + 0.02 * np.cos(0.41 * moment.time)) * stage.height
        place = BORN_A_BEAT * (0.68 * moment.step + 0.32 * moment.count)
        born = int(np.floor(place))
        within = place - born
        spacing = self.spacing * pose.scale
        farthest = float(np.hypot(max(x, stage.width - x), max(y, stage.height - y))) * (1.0 + self.wavy)
        rings = int(farthest / spacing) + 3
        image = np.empty((stage.height, stage.width, 3), np.uint8)
        image[:] = solid(self.colours[(born - rings - 1) % len(self.colours)])
        for ring in range(rings, -1, -1):
            radius = spacing * (ring + within + 0.55) * (1.0 + 0.012 * stage.depth * moment.pulse)
            colour = self.colours[(born - ring) % len(self.colours)]
            turn = 0.12 * moment.time * stage.pace + 0.05 * ring
            cv2.fillPoly(image, [self._shape(radius, turn, x, y)], solid(colour), cv2.LINE_AA, SUBPIXEL)
        core = spacing * 0.62 * (1.0 + 0.08 * stage.depth * moment.pulse)
        cv2.fillPoly(image, [self._shape(core, 0.12 * moment.time, x, y)], solid(self.core), cv2.LINE_AA, SUBPIXEL)
        return image


def _beside(inks: Inks) -> Lab:
    """A shade of the ground, towards the low ink; a coloured ground keeps its hue, so that it doesn't turn grey."""
    shade = mix(inks.ground, inks.low, 0.35)
    if key_of(inks) == "colour":
        shade[1:] = inks.ground[1:]
    return shade
