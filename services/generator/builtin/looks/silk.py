"""Silk: folds of light that wander over a dark ground."""

from __future__ import annotations

from math import cos, pi, sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Table, clear_ramp, mix
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.noise import Field, dither, periodic

LOOK = LookEntry(
    name="silk",
    family="flow",
    summary="Folds of soft light that drift and catch the beat.",
    mark=4.0,
    energy=(0.0, 0.7),
    sections=("intro", "verse", "outro"),
    texture="soft",
    movement="drift",
    carries_type=True,
)

TILE = 512
CELL = 2.0
"""Samples of the noise for each cell of the grid: its tile is finer, so that slopes are smooth."""
RIM = 4
"""Samples of the tile repeated around it: OpenCV's own wrapping is slow."""
SHORT = 135
MARGIN = 6
"""Cells beyond each edge, so that slopes at the edges are true."""


def _cloth(inks: Inks) -> Table:
    """From the folds' ground to their sheen. Lightness never turns back, or the folds would look like metal."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return clear_ramp([(0.0, dark), (0.26, low), (0.55, mid), (0.82, high), (1.0, light)])
        case "paper":
            return clear_ramp([(0.0, light), (0.26, high), (0.55, mid), (0.82, low), (1.0, dark)])
        case "colour":
            body = inks.ground
            pale = np.array([light[0], 0.4 * body[1], 0.4 * body[2]])
            return clear_ramp(
                [(0.0, mix(dark, body, 0.55)), (0.28, body), (0.62, mix(body, pale, 0.45)), (1.0, pale)]
            )


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Silk(stage)


class Silk:
    """Three noises bend each other, a sine folds the result, its slope makes the sheen.

    All of it is computed small and in floating point; the dither keeps the large smooth areas free of steps.
    """

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.width, self.height = stage.grid(SHORT)
        self.bend = (_rimmed(periodic(random, TILE, 2.2)), _rimmed(periodic(random, TILE, 2.2)))
        self.cloth = _rimmed(periodic(random, TILE, 1.7))
        angle = random.uniform(0, 2 * pi)
        self.wind = (cos(angle), sin(angle))
        self.tilt = 0.35 + 0.9 * ((stage.variant * 0.38) % 1.0)
        grain = dither(random, stage.height, stage.width)
        self.grain = grain
        rows, columns = np.mgrid[-MARGIN : self.height + MARGIN, -MARGIN : self.width + MARGIN].astype(np.float32)
        self.columns, self.rows = columns - self.width / 2.0, rows - self.height / 2.0
        edge = (self.columns / self.width) ** 2 + (self.rows / self.height) ** 2
        self.shade = (1.0 - 0.45 * edge).astype(np.float32)
        self.table = _cloth(stage.inks)

    def _sample(self, tile: Field, x: Field, y: Field, soft: float) -> Field:
        """The tile at these cells. OpenCV samples at steps of 1/32, which would show as a comb: `soft` (cells)
        takes it away."""
        at = [axis * np.float32(CELL) % np.float32(TILE) + np.float32(RIM) for axis in (x, y)]
        bent = cv2.remap(tile, at[0], at[1], cv2.INTER_CUBIC)
        return np.asarray(cv2.GaussianBlur(bent, (0, 0), soft), dtype=np.float32)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        zoom = np.float32(0.64 / pose.scale)
        run = moment.time * stage.pace
        x = self.columns * zoom + np.float32(pose.right * self.width + 900.0)
        y = self.rows * zoom + np.float32(pose.down * self.height + 900.0)
        first = self._sample(self.bend[0], x + np.float32(7.0 * run), y - np.float32(4.0 * run), 2.0)
        second = self._sample(self.bend[1], x - np.float32(5.0 * run), y + np.float32(6.0 * run), 2.0)
        swing = np.float32(17.0 + 2.0 * stage.depth * moment.pulse)
        cloth = self._sample(
            self.cloth,
            x + swing * first + np.float32(6.0 * self.wind[0] * run),
            y + swing * second + np.float32(6.0 * self.wind[1] * run),
            0.9,
        )
        fold = np.sin(cloth * np.float32(2.3) + np.float32(self.tilt + 0.22 * run))
        right = cv2.Sobel(fold, cv2.CV_32F, 1, 0, ksize=3) * np.float32(self.wind[0])
        down = cv2.Sobel(fold, cv2.CV_32F, 0, 1, ksize=3) * np.float32(self.wind[1])
        sheen = cv2.GaussianBlur(np.maximum(right + down, 0.0), (0, 0), 1.2)
        body = (np.float32(0.5) + np.float32(0.5) * fold) ** 2
        lit = (np.float32(0.55) * body + np.float32(0.85 + 0.12 * stage.depth * moment.pulse) * sheen) * self.shade
        value = lit / (lit + np.float32(0.42)) * np.float32(1.3)
        inner = value[MARGIN:-MARGIN, MARGIN:-MARGIN]
        full = cv2.resize(
            (inner * np.float32(255.0)).astype(np.float32),
            (stage.width, stage.height),
            interpolation=cv2.INTER_CUBIC,
        )
        index = cv2.add(full, self.grain, dtype=cv2.CV_8U)
        return np.asarray(cv2.applyColorMap(index, self.table), dtype=np.uint8)


def _rimmed(tile: Field) -> Field:
    return np.asarray(cv2.copyMakeBorder(tile, RIM, RIM, RIM, RIM, cv2.BORDER_WRAP), dtype=np.float32)
