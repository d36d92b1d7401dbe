"""Raster: rows of the song's motif that swell as waves run through them from the beat, and show it large."""

from __future__ import annotations

from math import ceil, floor, pi

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, clear_mix, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.motif import rim, unit_outline
from services.generator.builtin.paint.noise import periodic
from services.generator.builtin.paint.shapes import SUBPIXEL, blank, fixed

LOOK = LookEntry(
    name="raster",
    family="geometry",
    summary="Rows of the song's shape that swell as waves run through them from the beat.",
    mark=4.0,
    energy=(0.4, 1.0),
    sections=("chorus", "bridge"),
    texture="dots",
    movement="beat",
    most_seconds=12.0,
)

PITCHES = (48.0, 42.0, 56.0)
"""Pixels from shape to shape at 720."""
TILE = 128
SHADES = 64
STEPS = ((0.30, 0.40, 0.48, 0.58, 0.72, 0.84), (0.0, 1.0, 1.0, 2.0, 2.0, 3.0))
"""Sizes, and the ink that each has."""
WAVES = 3
"""Waves that are still running; one sets out on each other beat."""
DRIFT = 9.0
"""Pixels a second at 720 that the rows move."""
ANGULAR = ("hexagon", "diamond")

Values = npt.NDArray[np.float64]


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Raster(stage)


def _scheme(inks: Inks) -> tuple[Lab, list[Lab]]:
    """The ground, and the inks from the smallest shape to the largest."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return mix(dark, low, 0.15), [low, mid, high, light]
        case "paper":
            return light, [mix(light, high, 0.7), high, mid, low]
        case "colour":
            body = inks.ground
            others = [ink for ink in (low, mid, high) if float(np.abs(ink - body).max()) > 0.04]
            return body, [mix(body, dark, 0.22), mix(body, dark, 0.5), others[0], light]


class Raster:
    """A field tells each shape its size and its ink: slow noise, rings from the beats, the motif in the middle."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.ground, inks = _scheme(stage.inks)
        sizes = np.linspace(0.0, 1.0, SHADES)
        places = np.interp(sizes, *STEPS)
        self.shades = [
            solid(clear_mix(inks[int(at)], inks[min(int(at) + 1, 3)], at % 1.0)) for at in places.tolist()
        ]
        self.noise = periodic(random, TILE, 3.5)
        self.home = random.uniform(0, TILE, 2)
        self.pitch = PITCHES[stage.variant % 3] * stage.unit
        self.way = np.array([random.choice([-1.0, 1.0]), random.choice([-0.5, 0.5])]) * DRIFT * stage.unit
        self.shape = unit_outline(stage.motif) if stage.motif in ANGULAR else rim(stage.motif, 20)
        self.side = float(min(stage.width, stage.height))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = blank(stage.width, stage.height, solid(self.ground))
        x, y = self._places(moment)
        size = self._field(moment, x, y)
        radius = self.pitch * 0.60 * size
        swell = 0.35 * np.clip(size - 0.5, 0.0, 1.0) if stage.motif in ANGULAR else np.zeros_like(size)
        c, s = np.cos(swell), np.sin(swell)
        right = self.shape[:, 0][None, :] * c[:, None] - self.shape[:, 1][None, :] * s[:, None]
        down = self.shape[:, 0][None, :] * s[:, None] + self.shape[:, 1][None, :] * c[:, None]
        points = np.stack([x[:, None] + radius[:, None] * right, y[:, None] + radius[:, None] * down], axis=-1)
        shapes = fixed(points)
        shades = np.minimum(size * SHADES, SHADES - 1).astype(int)
        for shape, shade in zip(shapes, shades.tolist(), strict=True):
            cv2.fillConvexPoly(image, shape, self.shades[shade], cv2.LINE_AA, SUBPIXEL)
        return image

    def _places(self, moment: Moment) -> tuple[Values, Values]:
        """Where the shapes are, in pixels: rows a little closer than their shapes, each other one set between."""
        stage = self.stage
        pose = stage.pose(moment.shot)
        across, along = self.pitch * pose.scale, 0.866 * self.pitch * pose.scale
        middle = np.array([0.5 * stage.width, 0.5 * stage.height])
        off = self.way * moment.time - np.array([pose.right * stage.width, pose.down * stage.height])
        columns, rows = ceil(0.5 * stage.width / across) + 2, ceil(0.5 * stage.height / along) + 2
        first = np.array([floor(-off[0] / across), 2 * floor(-off[1] / along / 2)])
        column, row = np.meshgrid(
            np.arange(first[0] - columns, first[0] + columns + 1),
            np.arange(first[1] - rows - 1, first[1] + rows + 2),
        )
        x = (column + 0.5 * (row % 2)) * across + off[0] + middle[0]
        y = row * along + off[1] + middle[1]
        near = (np.abs(x - middle[0]) < middle[0] + across) & (np.abs(y - middle[1]) < middle[1] + along)
        return x[near], y[near]

    def _field(self, moment: Moment, x: Values, y: Values) -> Values:
        """The size of each shape, about 0.15..1; they touch a little above."""
        stage = self.stage
        right = (x - 0.5 * stage.width) / self.side
        down = (y - 0.5 * stage.height) / self.side
        cells = 26.0
        slow = _sampled(self.noise, right * cells + self.home[0] + 1.6 * moment.time, down * cells + self.home[1])
        size = 0.30 + 0.07 * slow
        strength = (0.22 + 0.15 * moment.energy) * stage.depth
        gauge = self._gauge(right, down)
        newest = 2 * floor(moment.count / 2)
        for beat in range(newest - 2 * (WAVES - 1), newest + 1, 2):
            age = 0.35 * (moment.step - beat) + 0.65 * (moment.count - beat)
            loud = 1.15 if beat % 4 == 0 else 0.75
            front = np.exp(-(((gauge - 0.25 - 0.26 * age) / 0.065) ** 2))
            size = size + strength * loud * min(1.0, 2.5 * age) * np.exp(-age / 2.4) * front
        inside = 1.0 / (1.0 + np.exp(-(self._large(moment) - gauge) / 0.022))
        solid_part = (0.50 + 0.05 * stage.depth * moment.bar_pulse) * inside
        return np.asarray(np.clip(size * (1.0 - inside) + (0.38 + solid_part) * inside, 0.13, 1.0))

    def _large(self, moment: Moment) -> float:
        """Radius of the motif that the shapes show together, in parts of the shorter side."""
        return (0.26 + 0.04 * self.stage.finale) * (1.0 + 0.05 * self.stage.depth * moment.pulse)

    def _gauge(self, right: Values, down: Values) -> Values:
        """How far a place is from the middle, measured in the motif: equal along its outline."""
        edge = rim(self.stage.motif, 360)
        order = np.argsort(np.arctan2(edge[:, 1], edge[:, 0]))
        angles = np.arctan2(edge[:, 1], edge[:, 0])[order]
        reach = np.interp(np.arctan2(down, right), angles, np.hypot(edge[:, 0], edge[:, 1])[order], period=2.0 * pi)
        return np.asarray(np.hypot(right, down) / reach)


def _sampled(tile: npt.NDArray[np.float32], x: Values, y: Values) -> Values:
    found = cv2.remap(
        tile,
        (x % TILE).astype(np.float32)[None, :],
        (y % TILE).astype(np.float32)[None, :],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return np.asarray(found[0], dtype=np.float64)
