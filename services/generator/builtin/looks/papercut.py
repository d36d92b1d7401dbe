"""Papercut: sheets behind each other, each with the motif cut out, soft shadows between; each bar brings one on."""

from __future__ import annotations

from math import ceil, floor

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, bgr_of, clear_mix, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.motif import clearance, outline, rim
from services.generator.builtin.paint.noise import periodic_line
from services.generator.builtin.paint.shapes import Points, fill, fixed, stroke

LOOK = LookEntry(
    name="papercut",
    family="geometry",
    summary="Sheets of paper with the song's shape cut out, one behind the other; each bar brings one nearer.",
    mark=4.5,
    energy=(0.0, 0.8),
    sections=("intro", "verse", "bridge"),
    texture="flat",
    movement="bar",
)

RATIO = 1.42
"""Size of a hole to the one behind it."""
SHADES = 32
"""Shades of a sheet, from deep shadow to light."""
SHEETS = 7
COARSE = 8
"""Pixels for one cell of a shadow."""
POINTS = 144
DEEPEST = 0.115
"""Radius of the last hole, in parts of the shorter side."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Papercut(stage)


def _scheme(inks: Inks) -> tuple[list[Lab], Lab]:
    """The sheets from the nearest to the deepest, and the shape at the end."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return [dark, mix(dark, low, 0.8), low, mid, clear_mix(mid, high, 0.75), high], light
        case "paper":
            return [light, mix(light, high, 0.5), high, mid, low, mix(low, dark, 0.6)], high
        case "colour":
            body = inks.ground
            if float(body[0]) > 0.6:
                return [body, mix(body, low, 0.25), mix(body, low, 0.6), low, mix(low, dark, 0.5), dark], light
            return [body, mix(body, high, 0.35), mix(body, high, 0.7), high, mix(high, light, 0.5), light], body


class Papercut:
    """Painted from the front: into each hole goes the next sheet, shaded by what stands before it."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.colours, self.heart = _scheme(stage.inks)
        self.waves = [periodic_line(random, 256, 3.0 + 0.5 * number, 5.0) for number in range(4)]
        self.rough = (0.05, 0.11, 0.0)[stage.variant % 3]
        self.turn = float(random.uniform(-0.16, 0.16)) * (stage.motif != "arch")
        self.centre = (0.5 + 0.06 * float(random.uniform(-1, 1)), 0.5 + 0.05 * float(random.uniform(-1, 1)))
        self.light = (-0.6, -1.0)
        self.side = min(stage.width, stage.height)
        self.small = (ceil(stage.width / COARSE), ceil(stage.height / COARSE))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        place = 0.55 * moment.bar_step + 0.45 * moment.bar
        passed = floor(place)
        within = place - passed
        far = float(np.hypot(stage.width, stage.height)) / 2.0 / clearance(stage.motif) * 1.25
        holes = min(SHEETS, ceil(np.log(far / (DEEPEST * self.side * RATIO**within)) / np.log(RATIO)))
        index = np.full((stage.height, stage.width), SHADES - 1, np.uint8)
        table = np.zeros((256, 3), np.float64)
        edges: list[tuple[Points, Lab]] = []
        for layer in range(holes + 1):
            deep = holes - layer + within
            ink = self._ink(1.0 - deep / SHEETS)
            table[layer * SHADES : (layer + 1) * SHADES] = _shades(ink, self.stage.inks.by_lightness[0])
            if layer == holes:
                break
            hole = self._hole(moment, passed - holes + layer, deep)
            edges.append((hole, mix(ink, self.stage.inks.by_lightness[4], 0.13)))
            self._cut(index, hole, (layer + 1) * SHADES, deep)
        image: Frame = np.asarray(cv2.applyColorMap(index, bgr_of(table).reshape(256, 1, 3)), dtype=np.uint8)
        for hole, ink in edges:
            stroke(image, hole, solid(ink), 1.2 * stage.unit, closed=True)
        beat = stage.depth * moment.pulse
        radius = 0.052 * self.side * RATIO ** (0.5 * within) * (1.0 + 0.12 * beat)
        fill(image, outline(stage.motif, radius, self._middle(moment, 0.0), self.turn), solid(self.heart))
        return image

    def _ink(self, depth: float) -> Lab:
        at = float(np.clip(depth, 0.0, 1.0)) * (len(self.colours) - 1)
        low = min(int(at), len(self.colours) - 2)
        return clear_mix(self.colours[low], self.colours[low + 1], at - low)

    def _middle(self, moment: Moment, near: float) -> tuple[float, float]:
        """The centre of a hole: near ones sway more."""
        stage = self.stage
        pose = stage.pose(moment.shot)
        sway = 0.012 + 0.05 * near
        x = self.centre[0] + sway * np.sin(0.55 * moment.time) - pose.right * (1.0 + 3.0 * near)
        y = self.centre[1] + sway * np.cos(0.43 * moment.time) - pose.down * (1.0 + 3.0 * near)
        return float(x) * stage.width, float(y) * stage.height

    def _hole(self, moment: Moment, number: int, deep: float) -> Points:
        """The outline of a sheet's hole; `deep` is its size in steps of RATIO over the deepest."""
        stage = self.stage
        wave = self.waves[number % len(self.waves)]
        shift = 256.0 * (0.37 * number + 0.012 * moment.time * stage.pace)
        at = (np.arange(POINTS) * 256.0 / POINTS + shift) % 256.0
        bumps = np.interp(at, np.arange(257), np.append(wave, wave[0]))
        radius = DEEPEST * self.side * RATIO**deep * (1.0 + 0.018 * stage.depth * moment.pulse)
        turn = self.turn + 0.05 * np.sin(2.1 * number + 0.3 * moment.time)
        c, s = np.cos(turn), np.sin(turn)
        points = rim(stage.motif, POINTS) @ np.array([[c, s], [-s, c]])
        near = deep / SHEETS
        reach = radius * (1.0 + self.rough * bumps)
        return np.asarray(points * reach[:, None] + np.array(self._middle(moment, near)))

    def _cut(self, index: npt.NDArray[np.uint8], hole: Points, base: int, deep: float) -> None:
        """Paint the next sheet into a hole, in the shadow of its rim."""
        soft = 0.012 * self.side * RATIO ** (0.55 * deep) / COARSE
        shift = 1.3 * soft * COARSE * np.array(self.light)
        light = np.zeros((self.small[1], self.small[0]), np.uint8)
        fill(light, (hole - shift) / COARSE, 255)
        soft_light = cv2.GaussianBlur(light, (0, 0), max(0.6, soft))
        shade = cv2.convertScaleAbs(soft_light, alpha=(SHADES - 1) / 255.0, beta=base)
        left, top = np.clip(
            np.floor(hole.min(axis=0) / COARSE).astype(int), 0, (self.small[0] - 1, self.small[1] - 1)
        )
        right, bottom = np.clip(np.ceil(hole.max(axis=0) / COARSE).astype(int) + 1, 1, self.small)
        part = shade[top:bottom, left:right]
        full = cv2.resize(part, None, fx=COARSE, fy=COARSE, interpolation=cv2.INTER_LINEAR)
        view = index[top * COARSE : bottom * COARSE, left * COARSE : right * COARSE]
        mask = np.zeros(view.shape, np.uint8)
        cv2.fillPoly(mask, [fixed(hole - np.array([left, top]) * COARSE)], 255, cv2.LINE_8, 4)
        cv2.copyTo(full[: view.shape[0], : view.shape[1]], mask, view)


def _shades(ink: Lab, dark: Lab) -> npt.NDArray[np.float64]:
    """A sheet from its deepest shadow to full light."""
    share = np.linspace(1.0, 0.0, SHADES)[:, None] ** 1.15
    shadow = np.array([0.58 * ink[0] + 0.1 * dark[0], 0.92 * ink[1], 0.92 * ink[2]])
    return np.asarray(ink + (shadow - ink) * share)
