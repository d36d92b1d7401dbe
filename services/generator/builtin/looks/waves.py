"""Waves: a striped sea in layers that roll against each other, the song's motif rising or setting behind."""

from __future__ import annotations

from math import pi

import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.light import bloom, glow, gradient
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.shapes import Points, closed_below, disc, fill

LOOK = LookEntry(
    name="waves",
    family="land",
    summary="A striped sea that rolls with the beat, the song's shape low behind it.",
    mark=4.5,
    energy=(0.2, 1.0),
    sections=("verse", "chorus", "outro"),
    texture="flat",
    movement="beat",
)

LAYERS = 5
STARS = 70


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Waves(stage)


def _scheme(inks: Inks) -> tuple[tuple[Lab, Lab], Lab, list[Lab], Lab]:
    """Sky above and below, the sun, the stripes of a wave from its crest down, the haze far off."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            haze = mix(dark, low, 0.75)
            return (dark, haze), high, [light, mid, mix(mid, low, 0.6), low, mix(low, dark, 0.5)], haze
        case "paper":
            haze = mix(light, high, 0.4)
            return (light, haze), mid, [light, high, mix(high, mid, 0.55), mid, low], haze
        case "colour":
            body = inks.ground
            others = [ink for ink in (low, mid, high) if float(np.abs(ink - body).max()) > 0.04]
            deep = [light, others[-1], mix(others[0], others[-1], 0.4), others[0], mix(others[0], dark, 0.5)]
            return (mix(body, dark, 0.1), mix(body, light, 0.25)), light, deep, body


class Waves:
    """Crests are pointed above and round below (trochoids); under each run stripes of the same shape."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        (above, below), self.sun, self.stripes, self.haze = _scheme(stage.inks)
        self.horizon = (0.50, 0.44, 0.56)[stage.variant % 3]
        self.sky = gradient(
            stage.width, stage.height, [(0.0, above), (self.horizon + 0.1, below), (1.0, below)], random
        )
        self.side = float(min(stage.width, stage.height))
        self.radius = self.side * (0.19 + 0.03 * stage.finale)
        self.sun_at = 0.5 + 0.18 * float(random.uniform(-1, 1))
        night = key_of(stage.inks) == "night"
        if night:
            self._strew(above, random)
        at = (self.sun_at * stage.width, (self.horizon - 0.08) * stage.height)
        glow(self.sky, at, 3.0 * self.radius, mix(self.sun, below, 0.2), 0.5 if night else 0.3)
        self.starts = random.uniform(0.0, 2.0 * pi, (LAYERS, 3))
        self.stretch = random.uniform(0.85, 1.15, LAYERS)
        self.way = np.where((np.arange(LAYERS) + stage.variant) % 2, -1.0, 1.0)
        self.x = np.arange(-8.0, stage.width + 16.0, max(4.0, 7.0 * stage.unit))

    def _strew(self, above: Lab, random: np.random.Generator) -> None:
        stage = self.stage
        for _ in range(STARS):
            x, y = random.uniform(0, stage.width), self.horizon * stage.height * random.uniform(0, 0.9)
            ink = mix(above, self.stripes[0], float(random.uniform(0.2, 0.8)))
            disc(self.sky, float(x), float(y), stage.unit * float(random.uniform(0.6, 1.7)), solid(ink))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        image = self.sky.copy()
        beat = stage.depth * moment.pulse
        x = (self.sun_at - 0.5 * pose.right) * stage.width
        y = (self.horizon - 0.10 - 0.5 * pose.down) * stage.height - 0.02 * self.side * np.sin(0.5 * moment.time)
        turn = 0.0 if stage.motif == "arch" else 0.05 * float(np.sin(0.7 * moment.bar_step))
        for grow, share in ((1.34 + 0.10 * beat, 0.22), (1.15 + 0.05 * beat, 0.45)):
            halo = mix(self.haze, self.sun, share)
            fill(image, outline(stage.motif, self.radius * grow, (x, y), turn), solid(halo))
        fill(image, outline(stage.motif, self.radius * (1.0 + 0.04 * beat), (x, y), turn), solid(self.sun))
        for layer in range(LAYERS):
            self._layer(image, moment, layer)
        if stage.finale and key_of(stage.inks) == "night":
            bloom(image, 0.3, 70)
        return image

    def _layer(self, image: Frame, moment: Moment, layer: int) -> None:
        stage = self.stage
        near = (layer + 1) / LAYERS
        crest, tall = self._crest(moment, layer)
        fog = 0.72 * (1.0 - near) ** 1.2
        for stripe, ink in enumerate(self.stripes):
            down = tall * (0.0, 0.16, 0.52, 1.0, 1.6)[stripe]
            shifted = crest + np.array([self.way[layer] * 0.25 * down, down])
            if stripe and stripe == len(self.stripes) - 1 and layer < LAYERS - 1:
                break
            fill(image, closed_below(shifted, stage.height + 2.0), solid(mix(ink, self.haze, fog)))

    def _crest(self, moment: Moment, layer: int) -> tuple[Points, float]:
        """A layer's crest from the left to the right, and the height of its waves in pixels."""
        stage = self.stage
        pose = stage.pose(moment.shot)
        near = (layer + 1) / LAYERS
        beat = stage.depth * moment.pulse
        tall = self.side * (0.045 + 0.10 * near) * (0.65 + 0.5 * moment.energy) * (1.0 + 0.12 * beat)
        length = self.side * (0.34 + 0.55 * near) * self.stretch[layer] * pose.scale
        roll = 0.5 * moment.step + 0.5 * moment.count
        run = self.way[layer] * roll * (0.085 + 0.07 * near) * 2.0 * pi
        phase = 2.0 * pi * (self.x - 0.5 * stage.width) / length + self.starts[layer, 0] - run
        slow = 0.5 + 0.5 * np.sin(0.31 * phase + self.starts[layer, 1] + 0.4 * moment.time)
        wave = 1.0 - np.abs(np.sin(0.5 * phase)) ** 0.8
        swell = 0.30 * np.sin(0.23 * phase + self.starts[layer, 2])
        floor = self.horizon + (1.02 - self.horizon) * (near - 1.0 / LAYERS) ** 1.1 + 0.06
        bob = 0.012 * np.sin(2.0 * pi * (moment.bar + 0.37 * layer)) - 0.012 * beat * (layer % 2)
        rest = (floor + bob * near - pose.down * (0.5 + near)) * stage.height
        y = rest - tall * (wave * (0.55 + 0.45 * slow) + swell - 0.25)
        return np.stack([self.x, y], axis=-1), tall
