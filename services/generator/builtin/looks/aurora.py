"""Aurora: curtains of light that wander over a dark wood, the song's motif as the moon."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, Table, bgr_of, clear_mix, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.light import glow, gradient
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.noise import Field, dither, periodic_line
from services.generator.builtin.paint.shapes import Points, closed_below, disc, fill

LOOK = LookEntry(
    name="aurora",
    family="land",
    summary="Curtains of light over a dark wood, with the song's shape as the moon.",
    mark=4.0,
    energy=(0.0, 0.6),
    sections=("intro", "verse", "bridge", "outro"),
    texture="soft",
    movement="drift",
    carries_type=True,
)

Values = npt.NDArray[np.float64]

SHORT = 96
"""Cells of the light on the shorter side."""
LINE = 1024
CURTAINS = 3
STARS = 150


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Aurora(stage)


def _scheme(inks: Inks) -> tuple[Lab, Lab, Lab, list[Lab]]:
    """Sky above and below, the wood, and the light from weak to strong."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return dark, mix(dark, low, 0.8), mix(dark, low, 0.15), [low, mid, high, mix(high, light, 0.5)]
        case "paper":
            row = [mix(light, high, 0.6), high, mix(high, mid, 0.6), mid]
            return light, mix(light, high, 0.3), mix(low, dark, 0.4), row
        case "colour":
            body = inks.ground
            strong = high if float(np.abs(high - body).max()) > 0.04 else light
            row = [clear_mix(body, strong, 0.25), clear_mix(body, strong, 0.6), strong, mix(strong, light, 0.6)]
            return mix(body, dark, 0.5), mix(body, dark, 0.12), mix(dark, body, 0.25), row


class Aurora:
    """Each curtain hangs from a wandering hem, with rays in it; summed up small, then mixed into the sky."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.above, self.below, self.wood, self.light = _scheme(stage.inks)
        self.shore = (0.80, 0.84, 0.77)[stage.variant % 3]
        stops = [(0.0, self.above), (self.shore, self.below), (1.0, mix(self.above, self.below, 0.4))]
        self.sky = gradient(stage.width, stage.height, stops, random)
        self.night = key_of(stage.inks) != "paper"
        self.width, self.height = stage.grid(SHORT)
        self.x = (np.arange(self.width) + 0.5) / self.width
        self.y = ((np.arange(self.height) + 0.5) / self.height).astype(np.float32)[:, None]
        self.hems = [periodic_line(random, LINE, 4.0, 4.0) for _ in range(CURTAINS)]
        self.rays = [periodic_line(random, LINE, 34.0, 3.0) for _ in range(CURTAINS)]
        self.bulk = [periodic_line(random, LINE, 5.0, 4.0) for _ in range(CURTAINS)]
        self.starts = random.uniform(0, LINE, (CURTAINS, 3))
        self.trees = random.uniform(0.3, 1.0, 256)
        self.crest = periodic_line(random, LINE, 5.0, 3.0)
        self.grain = dither(random, stage.height, stage.width)
        self.table = self._table()
        self.moon = (float(random.uniform(0.2, 0.8)), float(random.uniform(0.16, 0.3)))
        side = float(min(stage.width, stage.height))
        self.radius = 0.06 * side
        if self.night:
            self._strew(random)
        at = (self.moon[0] * stage.width, self.moon[1] * stage.height)
        self.orb = stage.inks.by_lightness[4] if self.night else stage.inks.by_lightness[2]
        glow(self.sky, at, 4.5 * self.radius, self.orb, 0.30)

    def _strew(self, random: np.random.Generator) -> None:
        stage = self.stage
        star = stage.inks.by_lightness[4]
        for _ in range(STARS):
            x, high = float(random.uniform(0, stage.width)), float(random.uniform(0, 1)) ** 1.3
            ink = mix(
                mix(self.above, self.below, high), star, float(random.uniform(0.15, 0.8)) * (1.0 - 0.5 * high)
            )
            y = high * self.shore * stage.height
            disc(self.sky, x, y, stage.unit * float(random.uniform(0.6, 1.8)), solid(ink))

    def _table(self) -> Table:
        """What the light adds to the sky (or takes from paper) by its strength."""
        base = self.below if self.night else self.above
        row = np.array([base, *self.light])
        at = np.linspace(0.0, 1.0, 256)
        places = np.array([0.0, 0.22, 0.5, 0.8, 1.0])
        lab = np.stack([np.interp(at, places, row[:, axis]) for axis in range(3)], axis=-1)
        shown = bgr_of(lab).astype(np.int16)
        bare = bgr_of(base).astype(np.int16)
        change = shown - bare if self.night else bare - shown
        return np.asarray(np.clip(change, 0, 255), dtype=np.uint8).reshape(256, 1, 3)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = self.sky.copy()
        pose = stage.pose(moment.shot)
        light = self._light(moment)
        full = cv2.resize(light, (stage.width, stage.height), interpolation=cv2.INTER_LINEAR)
        index = cv2.add(full, self.grain, dtype=cv2.CV_8U)
        colour = cv2.applyColorMap(index, self.table)
        if self.night:
            cv2.add(image, colour, dst=image)
        else:
            cv2.subtract(image, colour, dst=image)
        self._moon(image, moment)
        self._woods(image, moment, pose.right)
        return image

    def _moon(self, image: Frame, moment: Moment) -> None:
        stage = self.stage
        at = (self.moon[0] * stage.width, self.moon[1] * stage.height)
        radius = self.radius * (1.0 + 0.06 * stage.depth * moment.pulse)
        fill(image, outline(stage.motif, radius, at), solid(self.orb))

    def _light(self, moment: Moment) -> Field:
        """The strength of the light, height x width of the small grid, 0..255."""
        stage = self.stage
        run = (0.5 * moment.step + 0.5 * moment.count) * stage.pace
        total = np.zeros((self.height, self.width), np.float32)
        beat = stage.depth * moment.pulse
        for curtain in range(CURTAINS + stage.finale):
            c = curtain % CURTAINS
            near = (curtain + 1) / CURTAINS
            way = -1.0 if curtain % 2 else 1.0
            off = self.starts[c]
            at = self.x * LINE * 0.22 * (1.3 - 0.3 * near)
            hem = 0.50 + 0.10 * near + 0.17 * _seen(self.hems[c], at + off[0] + way * 7.0 * run)
            bulk = 0.55 + 0.45 * _seen(self.bulk[c], 0.8 * at + off[1] - way * 12.0 * run)
            rays = 0.58 + 0.6 * _seen(self.rays[c], at + 0.7 * off[2] + way * 17.0 * run)
            tall = (0.20 + 0.26 * bulk) * (0.8 + 0.4 * moment.energy) * (1.0 + 0.10 * beat)
            above = (hem.astype(np.float32)[None, :] - self.y) / tall.astype(np.float32)[None, :]
            shape = np.where(
                above > 0.0, np.exp(-1.9 * np.maximum(above, 0.0)), np.exp(9.0 * np.minimum(above, 0.0))
            )
            strength = np.clip(bulk * rays, 0.0, 1.4) * (0.70 + 0.35 * moment.energy + 0.10 * beat)
            total += shape.astype(np.float32) * strength.astype(np.float32)[None, :]
        bright = np.float32(1.0) - np.exp(np.float32(-1.15) * total)
        return np.asarray(cv2.GaussianBlur(bright * np.float32(238.0), (0, 0), 0.8), dtype=np.float32)

    def _woods(self, image: Frame, moment: Moment, right: float) -> None:
        """Two rows of firs, the nearer one darker."""
        stage = self.stage
        for near, ink in ((0, mix(self.wood, self.below, 0.35)), (1, self.wood)):
            apart = (10.0 + 8.0 * near) * stage.unit
            run = (5.0 + 9.0 * near) * moment.time * stage.unit * stage.pace + right * stage.width * (1 + near)
            numbers = np.arange(int(np.floor(run / apart)) - 2, int((run + stage.width) / apart) + 3)
            grown = self.trees[(numbers * 7 + 91 * near) % len(self.trees)]
            x = np.asarray(numbers * apart - run, dtype=np.float64)
            ground = (
                self.shore
                + 0.075 * near
                + 0.05 * _seen(self.crest, 3.0 * numbers.astype(np.float64) + 300.0 * near)
            )
            foot = np.asarray(ground * stage.height, dtype=np.float64)
            tall = np.asarray((26.0 + 34.0 * near) * stage.unit * grown, dtype=np.float64)
            fill(image, _treeline(x, foot, tall, apart), solid(ink))


def _treeline(x: Values, foot: Values, tall: Values, apart: float) -> Points:
    """One outline of a row of firs and all below it."""
    half = 0.5 * apart
    points = np.stack([np.stack([x - half, x, x + half * 0.999]), np.stack([foot, foot - tall, foot])], axis=-1)
    crest = points.transpose(1, 0, 2).reshape(-1, 2)
    return closed_below(crest, float(foot.max()) + 2000.0)


def _seen(line: npt.NDArray[np.float32], at: Values) -> Values:
    return np.asarray(np.interp(at % LINE, np.arange(LINE + 1), np.append(line, line[0])))
