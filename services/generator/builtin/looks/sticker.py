"""Sticker: the subject cut out with scissors, on scraps of coloured paper; each bar everything is stuck on anew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import cos, radians, sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.cutout.cut import Layer, cut_out
from services.generator.builtin.cutout.logo import is_logo, logo_table
from services.generator.builtin.cutout.standing import Sway, aired, breathing, lay, stand
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Lab, mix, solid
from services.generator.builtin.paint.glow import glow_of
from services.generator.builtin.paint.grading import body_of, graded, key_of
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.noise import periodic_line
from services.generator.builtin.paint.screen import dot_screen
from services.generator.builtin.paint.shapes import Points, fill

LOOK = LookEntry(
    name="sticker",
    family="cutout",
    summary="The subject cut out with scissors, on scraps of coloured paper; each bar sticks it on anew.",
    needs=("picture", "subject"),
    stand_in="tiles",
    mark=4.5,
    energy=(0.35, 1.0),
    sections=("verse", "chorus", "bridge"),
    texture="flat",
    movement="bar",
)

PAPER = 15.0
"""Pixels at 720 of paper left around the subject."""
SNIP = 5.0
"""Pixels at 720 by which the scissors cut corners."""
SHADOW = (9.0, 12.0)
"""Where shadows fall, in pixels at 720."""
TILT = 4.2
"""Degrees by which a piece may be stuck on askew."""
APART = 0.024
"""Parts of the shorter side by which it may be stuck on elsewhere."""
ECHO = 0.24
"""How far beside the sticker two smaller ones stand at the end, in parts of the width."""
DOTS = 15.0
"""Pixels at 720 from dot to dot of the ground's corner."""
ROUGH = 96
"""Points of a torn edge."""
MIDDLES = (0.5, 0.36, 0.64)


@dataclass(frozen=True)
class Scrap:
    """A piece of paper: its outline around (0, 0) in pixels, the rim that was torn, where it lies, its ink."""

    points: Points
    torn: Points | None
    x: float
    y: float
    ink: Lab


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Sticker(stage)


class Sticker:
    """Ground with dots, scraps, sticker, each with a shadow on what lies below."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        inks = stage.inks
        upright = stage.height > 1.1 * stage.width
        self.middle = 0.5 if upright else MIDDLES[(stage.variant + stage.visit) % 3]
        tall, wide = (0.74, 1.08) if upright else (0.90, 0.84)
        cut = cut_out(stage.theme, stage.cutout)
        self.figure = stand(cut, stage.width, stage.height, middle=self.middle, tall=tall, wide=wide)
        key = key_of(inks)
        flat = is_logo(cut)
        table = logo_table(inks, "paper") if flat else graded(inks, key, body_of(inks, key))
        layer = self.figure.inked(table, stage.unit, natural=stage.visit % 2 == 1)
        paper = inks.by_lightness[-1]
        self.shade = solid(mix(inks.ground, inks.by_lightness[0], 0.45))
        cut_paper, self.air = self.figure.outlined(layer, paper, PAPER * stage.unit, snip=SNIP * stage.unit)
        self.layer = shaded(cut_paper, inks.by_lightness[0], SHADOW, stage.unit)
        self.ground = _ground(stage, self.middle)
        self.scraps = _scraps(stage, self.middle)
        self.colours = [(solid(scrap.ink), solid(mix(scrap.ink, paper, 0.75))) for scrap in self.scraps]
        self.place = cache(self._place)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = self.ground.copy()
        for number in range(len(self.scraps)):
            self._paste(image, number, moment)
        right, down, turn = self._stuck(99, moment, 0.0)
        sway = breathing(stage, moment, beat=0.02, lean=0.8)
        if stage.finale:
            for way in (-1.0, 1.0):
                aside = way * ECHO * stage.width + 0.02 * stage.width * sin(moment.time + way)
                self._lay(image, Sway(0.8 * sway.scale, aside - right, abs(down), 2.5 * way - turn))
        self._lay(image, Sway(sway.scale, sway.right + right, sway.down + abs(down), sway.turn + turn))
        return image

    def _lay(self, image: Frame, sway: Sway) -> None:
        lay(image, self.layer, aired(self.figure.at(sway), self.air))

    def _stuck(self, name: int, moment: Moment, late: float) -> tuple[float, float, float]:
        """How a piece lies in this bar: pixels right, pixels down, degrees; it gets there with the bar's step."""
        bar = int(np.floor(moment.bar_step))
        gone = min(max((moment.bar_step - bar - late) / (1.0 - late), 0.0), 1.0)
        before, after = (self.place(name, number) for number in (bar - 1, bar))
        reach = APART * min(self.stage.width, self.stage.height) * self.stage.depth
        right, down, turn = before + (after - before) * gone
        return float(reach * right), float(reach * down), float(TILT * self.stage.depth * turn)

    def _place(self, name: int, bar: int) -> np.ndarray:
        return np.random.default_rng([self.stage.seed, name, bar + 1000]).uniform(-1.0, 1.0, 3)

    def _paste(self, image: Frame, number: int, moment: Moment) -> None:
        stage, scrap = self.stage, self.scraps[number]
        ink, rim = self.colours[number]
        right, down, degrees = self._stuck(number, moment, 0.12 * (number + 1))
        drift = 0.75 * stage.pace * moment.time + number
        x = scrap.x + right + 0.018 * stage.width * sin(drift)
        y = scrap.y + down + 0.018 * stage.height * cos(0.8 * drift)
        turn = radians(degrees + 1.8 * sin(0.6 * drift))
        swell = 1.0 + 0.035 * stage.depth * moment.pulse
        c, s = cos(turn) * swell, sin(turn) * swell
        spin = np.array([[c, s], [-s, c]])
        fallen = np.array([x + SHADOW[0] * stage.unit, y + SHADOW[1] * stage.unit])
        under = scrap.torn if scrap.torn is not None else scrap.points
        fill(image, under @ spin + fallen, self.shade)
        if scrap.torn is not None:
            fill(image, scrap.torn @ spin + (x, y), rim)
        fill(image, scrap.points @ spin + (x, y), ink)


def shaded(layer: Layer, ink: Lab, offset: tuple[float, float], unit: float) -> Layer:
    """The layer over its own hard shadow; it needs room for that at its right and bottom."""
    right, down = (round(part * unit) for part in offset)
    room = cv2.copyMakeBorder(layer, 0, down, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    alpha = np.ascontiguousarray(room[..., 3])
    fallen = np.zeros_like(alpha)
    fallen[down:, right:] = alpha[: alpha.shape[0] - down, : alpha.shape[1] - right]
    weight = cv2.multiply(fallen, cv2.bitwise_not(alpha), scale=0.55 / 255.0)
    dark = np.array([*solid(ink), 255], np.float32)
    shadow = np.rint(weight[..., None].astype(np.float32) * dark / 255.0).astype(np.uint8)
    return np.asarray(cv2.add(room, shadow), dtype=np.uint8)


def _ground(stage: Stage, middle: float) -> Frame:
    """A flat ground; large dots grow towards the corner away from the subject."""
    inks = stage.inks
    image = np.full((stage.height, stage.width, 3), solid(inks.ground), np.uint8)
    rows, columns = np.mgrid[0 : stage.height, 0 : stage.width].astype(np.float32)
    aside = columns / stage.width if middle <= 0.5 else 1.0 - columns / stage.width
    tone = np.clip(330.0 - 260.0 * (0.6 * aside + 0.6 * (1.0 - rows / stage.height)), 0.0, 255.0).astype(np.uint8)
    screen = dot_screen(stage.width, stage.height, max(5.0, DOTS * stage.unit), 30.0)
    share = 1.0 - cv2.addWeighted(tone, 5.0, screen, -5.0, 128.0).astype(np.float32)[..., None] / 255.0
    dots = np.array(solid(mix(inks.ground, glow_of(inks), 0.55)), np.float32)
    return np.asarray(np.rint(image * (1.0 - share) + dots * share), dtype=np.uint8)


def _scraps(stage: Stage, middle: float) -> list[Scrap]:
    """A torn sheet behind the subject, the song's shape at its other side, a strip across."""
    random = np.random.default_rng([stage.seed, stage.visit])
    inks = stage.inks
    short = min(stage.width, stage.height)
    side = 1.0 if middle < 0.5 or (middle == 0.5 and random.random() < 0.5) else -1.0
    first, second = (inks.mid, inks.accent) if stage.visit % 2 == 0 else (inks.accent, inks.mid)
    x, y = middle * stage.width, 0.52 * stage.height
    sheet = (0.62 * short, 0.78 * short)
    leaning = radians(float(random.uniform(4.0, 9.0)) * side)
    inner, outer = _torn(random, sheet, leaning, 0.010 * short, 0.016 * short)
    shape = outline(stage.motif, 0.27 * short, turn=0.0 if stage.motif in {"arch", "disc"} else 0.2 * side)
    strip = (0.95 * short, 0.12 * short)
    band, edge = _torn(random, strip, radians(-8.0 * side), 0.006 * short, 0.010 * short)
    upright = stage.height > 1.1 * stage.width
    beside = (
        (x + 0.27 * side * short, 0.25 * stage.height)
        if upright
        else (x + 0.54 * side * short, 0.36 * stage.height)
    )
    return [
        Scrap(shape, None, *beside, second),
        Scrap(inner, outer, x - 0.13 * side * short, y, first),
        Scrap(band, edge, x + 0.16 * side * short, y + 0.17 * stage.height, inks.low),
    ]


def _torn(
    random: np.random.Generator, size: tuple[float, float], turn: float, rough: float, rim: float
) -> tuple[Points, Points]:
    """A torn sheet around (0, 0) and the paper that shows at its torn edge."""
    half = np.array(size) / 2.0
    corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * half
    places = np.linspace(0.0, 4.0, 4 * ROUGH, endpoint=False)
    whole = places.astype(int)
    part = (places - whole)[:, None]
    edge = corners[whole % 4] * (1.0 - part) + corners[(whole + 1) % 4] * part
    away = edge / np.linalg.norm(edge, axis=1, keepdims=True)
    first = periodic_line(random, len(edge), 24.0, 1.6)[:, None].astype(np.float64)
    second = periodic_line(random, len(edge), 40.0, 1.4)[:, None].astype(np.float64)
    c, s = cos(turn), sin(turn)
    spin = np.array([[c, s], [-s, c]])
    inner = edge + away * rough * first
    outer = inner + away * rim * (0.55 + 0.5 * second)
    return np.asarray(inner @ spin), np.asarray(outer @ spin)
