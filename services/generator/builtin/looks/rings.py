"""Rings: every other beat a ring is born around the song's motif and pushes the others outward into the haze."""

from __future__ import annotations

import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.motif import clearance, outline, rim
from services.generator.builtin.paint.noise import periodic_line
from services.generator.builtin.paint.shapes import Points, blank, fill, stroke

LOOK = LookEntry(
    name="rings",
    family="geometry",
    summary="Rings of the song's shape are born on the beat and push each other outward.",
    mark=4.0,
    energy=(0.2, 1.0),
    sections=("chorus", "bridge"),
    texture="flat",
    movement="beat",
    most_seconds=10.0,
)

POINTS = 120
CALM = 0.45
"""Scenes of less energy have rings half as often, and in quieter colours."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Rings(stage)


class Rings:
    """Filled shapes from the outside in. Some are true, others wavy like a stain; a third have a fine line."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.wave = periodic_line(random, POINTS, 3.0, 3.0)
        self.wavy = (0.0, 0.13, 0.05)[stage.variant % 3]
        self.rim = rim(stage.motif, POINTS)
        self.spacing = 0.112 * min(stage.width, stage.height)
        self.centre = (float(random.uniform(0.4, 0.6)), float(random.uniform(0.42, 0.58)))
        self.way = float(random.choice([-1.0, 1.0]))
        self.calm = stage.energy < CALM
        self.born_a_beat = 0.25 if self.calm else 0.5
        inks = stage.inks
        quiet, deep = _beside(inks), inks.ground
        if self.calm:
            self.colours: list[Lab] = [
                deep,
                quiet,
                mix(quiet, inks.mid, 0.6),
                quiet,
                deep,
                inks.mid,
                quiet,
                inks.low,
            ]
        else:
            self.colours = [deep, inks.mid, quiet, inks.accent, deep, inks.low, quiet, inks.mid]
        self.core, self.line = inks.light, inks.accent

    def _turn(self, moment: Moment, ring: int) -> float:
        """How far a ring is turned; an arch stands."""
        if self.stage.motif == "arch":
            return 0.0
        return self.way * (0.10 * float(np.sin(0.4 * moment.time)) + 0.035 * ring)

    def _shape(self, moment: Moment, ring: int, radius: float, at: tuple[float, float]) -> Points:
        shift = self.way * POINTS * (0.02 * moment.time * self.stage.pace + 0.008 * ring)
        bumps = np.interp(np.arange(POINTS) + shift, np.arange(POINTS), self.wave, period=POINTS)
        c, s = np.cos(self._turn(moment, ring)), np.sin(self._turn(moment, ring))
        points = self.rim @ np.array([[c, s], [-s, c]])
        return np.asarray(points * (radius * (1.0 + self.wavy * bumps))[:, None] + np.array(at))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        beat = stage.depth * moment.pulse
        x = (self.centre[0] - 2.0 * pose.right + 0.02 * np.sin(0.5 * moment.time)) * stage.width
        y = (self.centre[1] - 2.0 * pose.down + 0.02 * np.cos(0.41 * moment.time)) * stage.height
        place = self.born_a_beat * (0.68 * moment.step + 0.32 * moment.count)
        born = int(np.floor(place))
        within = place - born
        spacing = self.spacing * pose.scale
        far = float(np.hypot(max(x, stage.width - x), max(y, stage.height - y)))
        rings = int(far * (1.0 + self.wavy) / clearance(stage.motif) / spacing) + 3
        image = blank(stage.width, stage.height, solid(self._ink(born - rings - 1, 1.0)))
        for ring in range(rings, -1, -1):
            radius = spacing * (ring + within + 0.75) * (1.0 + 0.012 * beat)
            fill(image, self._shape(moment, ring, radius, (x, y)), solid(self._ink(born - ring, radius / far)))
            if (born - ring) % 3 == 0:
                inner = self._shape(moment, ring, radius - 0.22 * spacing, (x, y))
                ink = mix(self.line, self.colours[0], min(1.0, 0.25 + 0.6 * radius / far))
                stroke(image, inner, solid(ink), 2.0 * stage.unit, closed=True)
        turn = self._turn(moment, 0)
        core = spacing * 0.60 * (1.0 + 0.10 * beat)
        fill(image, outline(stage.motif, core * 1.28, (x, y), turn), solid(mix(self.core, self.line, 0.55)))
        fill(image, outline(stage.motif, core, (x, y), turn), solid(self.core))
        return image

    def _ink(self, number: int, far: float) -> Lab:
        """The colour of a ring: far out they fade towards the ground."""
        return mix(self.colours[number % len(self.colours)], self.colours[0], min(0.35, 0.35 * far**1.5))


def _beside(inks: Inks) -> Lab:
    """A shade of the ground, towards the low ink; a coloured ground keeps its hue, so that it doesn't turn grey."""
    shade = mix(inks.ground, inks.low, 0.35)
    if key_of(inks) == "colour":
        shade[1:] = inks.ground[1:]
    return shade
