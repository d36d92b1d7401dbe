"""Tunnel: solid motifs inside each other that come nearer by one step on each beat."""

from __future__ import annotations

from math import atan2, cos, degrees, pi, radians, sin

import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.motif import clearance, outline
from services.generator.builtin.paint.shapes import blank, fill, stroke

LOOK = LookEntry(
    name="tunnel",
    family="geometry",
    summary="A tunnel in the song's shape and flat colours that comes on with the beat.",
    mark=4.0,
    energy=(0.45, 1.0),
    sections=("chorus",),
    texture="flat",
    movement="beat",
    most_seconds=8.0,
)

RATIO = 1.6
CALM = 0.5
"""Scenes of less energy move on half as fast."""
LIGHTNESS = {"night": (0.26, 0.54), "colour": (0.36, 0.68), "paper": (0.56, 0.88)}
"""A narrower range than the palette's: whole fields change place here, and wide steps would flash."""

BROWN, BROWN_BELOW = (36.0, 112.0), 0.58
"""Hues in degrees that are brown where they are darker than that: red stands in for them."""
LEAST_CHROMA = 0.09
"""Greyer inks look like slate between coloured ones."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Tunnel(stage)


class Tunnel:
    """Each shape is RATIO times the one inside it; the way ahead bends, so that the far end wanders."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.spin = (
            0.0 if stage.motif == "arch" else float(random.choice([-1.0, 1.0])) * (0.08 + 0.1 * stage.motion)
        )
        self.turn = 0.0 if stage.motif == "arch" else float(random.uniform(0, 2 * pi))
        self.twist = 0.0 if stage.motif == "arch" else (0.09, 0.0, 0.16)[stage.variant % 3]
        self.bend = random.uniform(0, 2 * pi, 2)
        self.rate = 0.25 if stage.energy < CALM else 0.5
        self.colours = [_calmed(ink, stage.inks) for ink in stage.inks.row]
        self.edges = [mix(colour, stage.inks.by_lightness[4], 0.28) for colour in self.colours]
        self.end = stage.inks.light if key_of(stage.inks) != "paper" else stage.inks.by_lightness[1]
        self.side = float(min(stage.width, stage.height))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        place = self.rate * (0.65 * moment.step + 0.35 * moment.count)
        born = int(np.floor(place))
        within = place - born
        beat = stage.depth * moment.pulse
        innermost = 0.050 * self.side * pose.scale * RATIO**within
        far = 0.62 * float(np.hypot(stage.width, stage.height)) / clearance(stage.motif)
        count = int(np.ceil(np.log(far / innermost) / np.log(RATIO))) + 1
        image = blank(stage.width, stage.height, solid(self.colours[(born - count) % len(self.colours)]))
        for step in range(count - 1, -1, -1):
            radius = innermost * RATIO**step * (1.0 + 0.03 * beat)
            turn = self.turn + self.spin * moment.time + self.twist * (step + within)
            number = (born - step) % len(self.colours)
            shape = outline(stage.motif, radius, self._middle(moment, radius), turn)
            fill(image, shape, solid(self.colours[number]))
            stroke(image, shape, solid(self.edges[number]), 1.2 * stage.unit + 0.004 * radius, closed=True)
        fill(
            image,
            outline(
                stage.motif,
                0.030 * self.side * (1.0 + 0.25 * beat),
                self._middle(moment, 0.0),
                self.turn + self.spin * moment.time,
            ),
            solid(self.end),
        )
        return image

    def _middle(self, moment: Moment, radius: float) -> tuple[float, float]:
        """The centre of a shape: near ones stand still, far ones lie where the bend leads."""
        stage = self.stage
        pose = stage.pose(moment.shot)
        away = 1.0 / (1.0 + 2.6 * radius / self.side)
        x = 0.13 * np.sin(0.42 * moment.time + self.bend[0]) * away - 2.0 * pose.right
        y = 0.13 * np.cos(0.35 * moment.time + self.bend[1]) * away - 2.0 * pose.down
        return 0.5 * stage.width + float(x) * self.side, 0.5 * stage.height + float(y) * self.side


def _calmed(ink: Lab, inks: Inks) -> Lab:
    """The ink between the LIGHTNESS bounds; one that has hardly a hue takes that of the nearest in lightness."""
    least, most = LIGHTNESS[key_of(inks)]
    source = ink
    if _chroma(ink) < LEAST_CHROMA:
        strong = [other for other in inks.row if _chroma(other) >= LEAST_CHROMA]
        source = min(strong, key=lambda other: abs(float(other[0] - ink[0])), default=ink)
    level = least + (most - least) * float(ink[0])
    hue = degrees(atan2(source[2], source[1])) % 360.0
    if level < BROWN_BELOW and BROWN[0] < hue < BROWN[1]:
        red = radians(BROWN[0] - 14.0)
        return np.array([level, _chroma(source) * cos(red), _chroma(source) * sin(red)])
    return np.array([level, source[1], source[2]])


def _chroma(ink: Lab) -> float:
    return float(np.hypot(ink[1], ink[2]))
