"""Ribbons: striped bands that wind over each other across the frame and swell on the beat."""

from __future__ import annotations

from itertools import pairwise
from math import pi

import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.light import gradient
from services.generator.builtin.paint.noise import periodic_line
from services.generator.builtin.paint.shapes import Points, fill

LOOK = LookEntry(
    name="ribbons",
    family="flow",
    summary="Striped bands that wind over each other and swell on the beat.",
    mark=4.5,
    energy=(0.2, 0.9),
    sections=("verse", "chorus", "bridge"),
    texture="flat",
    movement="drift",
)

POINTS = 110
LINE = 1024
GAP = 0.07
"""Bare ground beside a ribbon, in parts of its width: it stands off from those that it crosses."""
Values = npt.NDArray[np.float64]


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Ribbons(stage)


def _scheme(inks: Inks) -> tuple[tuple[Lab, Lab], list[Lab]]:
    """The ground above and below, the stripes from edge to edge."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return (dark, mix(dark, low, 0.5)), [low, mid, high, light]
        case "paper":
            return (light, mix(light, high, 0.25)), [dark, low, mid, high]
        case "colour":
            body = inks.ground
            others = [ink for ink in (low, mid, high) if float(np.abs(ink - body).max()) > 0.04]
            first, second = others[0], others[-1]
            return (mix(body, light, 0.12), body), [dark, first, second, light]


class Ribbons:
    """A ribbon is a winding line with stripes beside each other along it; far ones are slower and paler."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        (above, below), self.stripes = _scheme(stage.inks)
        self.haze = below
        self.ground = gradient(stage.width, stage.height, [(0.0, above), (1.0, below)], random)
        self.count = (3, 4, 3)[stage.variant % 3] + stage.finale
        self.winds = [[periodic_line(random, LINE, 3.5, 9.0) for _ in range(2)] for _ in range(self.count)]
        self.places = random.permutation(self.count)
        self.offsets = random.uniform(0, LINE, (self.count, 3))
        self.turns = random.uniform(0.9, 1.7, self.count)
        self.rolled = random.integers(0, len(self.stripes), self.count)
        self.tall = stage.height > stage.width
        self.slant = float(random.choice([-1.0, 1.0])) * random.uniform(0.1, 0.35)

    def frame(self, moment: Moment) -> Frame:
        image = self.ground.copy()
        for ribbon in range(self.count):
            self._ribbon(image, moment, ribbon)
        return image

    def _ribbon(self, image: Frame, moment: Moment, ribbon: int) -> None:
        stage = self.stage
        near = (ribbon + 1) / self.count
        line = self._line(moment, ribbon, near)
        along = np.gradient(line, axis=0)
        length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)
        across = np.stack([-along[:, 1], along[:, 0]], axis=-1) / length[:, None]
        run = 0.55 * moment.step + 0.45 * moment.count
        share = np.linspace(0.0, 1.0, POINTS)
        turn = pi * (self.turns[ribbon] * 2.0 * share - 0.16 * run * (0.6 + 0.4 * near) + self.offsets[ribbon, 2])
        swell = 1.0 + 0.14 * stage.depth * moment.pulse
        wide = stage.unit * (110.0 + 110.0 * near) * swell * (0.70 + 0.30 * np.cos(turn))
        side = across * wide[:, None]
        fog = 0.4 * (1.0 - near)
        _band(image, line, (side * (-0.5 - GAP), side * (0.5 + GAP)), self.haze)
        edges = np.linspace(-0.5, 0.5, len(self.stripes) + 1)
        for index, (left, right) in enumerate(pairwise(edges)):
            ink = self.stripes[(index + self.rolled[ribbon]) % len(self.stripes)]
            _band(image, line, (side * left, side * right), mix(ink, self.haze, fog))

    def _line(self, moment: Moment, ribbon: int, near: float) -> Points:
        """The winding line that a ribbon follows, in pixels."""
        stage = self.stage
        pose = stage.pose(moment.shot)
        share = np.linspace(-0.18, 1.18, POINTS)
        travel = LINE * 0.012 * (0.5 * moment.step + 0.5 * moment.count) * (0.7 + 0.6 * near)
        sway, bend = self.winds[ribbon]
        off = self.offsets[ribbon]
        lift = (0.27 + 0.09 * moment.energy) * (1.0 + 0.05 * stage.depth * moment.pulse)
        cross = 0.5 + 0.72 * ((self.places[ribbon] + 0.5) / self.count - 0.5) + self.slant * (share - 0.5)
        cross = cross + lift * _seen(sway, share * LINE * 0.30 - travel + off[0])
        main = share + 0.12 * _seen(bend, share * LINE * 0.34 - 0.7 * travel + off[1])
        x, y = (cross, main) if self.tall else (main, cross)
        scale = 1.0 + (pose.scale - 1.0) * (0.5 + near)
        x = ((x - 0.5) * scale + 0.5 - pose.right * (0.5 + near)) * stage.width
        y = ((y - 0.5) * scale + 0.5 - pose.down * (0.5 + near)) * stage.height
        return np.stack([x, y], axis=-1)


def _seen(line: npt.NDArray[np.float32], at: Values) -> Values:
    return np.asarray(np.interp(at % LINE, np.arange(LINE + 1), np.append(line, line[0])))


def _band(image: Frame, middle: Points, sides: tuple[Points, Points], ink: Lab) -> None:
    fill(image, np.concatenate([middle + sides[0], (middle + sides[1])[::-1]]), solid(ink))
