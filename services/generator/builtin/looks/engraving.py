"""Engraving: the picture as lines that swell in its shade and bend with its forms."""

from __future__ import annotations

from math import pi

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.colour import ramp
from services.generator.builtin.grading import inked, key_of
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.looks.view import View
from services.generator.builtin.noise import Field
from services.generator.builtin.picture import Gray, Picture

LOOK = LookEntry(
    name="engraving",
    family="press",
    summary="The picture in the lines of an engraving.",
    needs=("picture",),
    stand_in="rings",
    mark=4.5,
    energy=(0.0, 0.6),
    sections=("intro", "bridge"),
    texture="line",
    movement="drift",
)

PITCH = 8.0
"""Pixels from line to line at 720."""
BEND = 40.0
"""Pixels at 720 that a line is lifted where the picture is white."""
SCROLL = 0.25
"""Lines a second."""
HARDNESS = 3.2
SHORT = 90
PERIOD = 64
"""Lines of the screen before it repeats."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Engraving(stage, stage.theme)


class Engraving:
    """A screen of lines, sampled through a small map that the blurred picture bends; the beat thickens them."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture, screened=True)
        self.pitch = max(4.0, PITCH * stage.unit)
        self.screen = _lines(self.pitch)
        self.grid = stage.grid(SHORT)
        width, height = stage.width, stage.height
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        slope = (0.22, -0.3, 0.0)[stage.variant % 3]
        self.lines: Field = np.asarray(rows + np.float32(slope) * columns, dtype=np.float32)
        self.columns: Field = np.full((height, width), 8.0, dtype=np.float32)
        self.table = ramp(list(zip((0.0, 1.0), inked(stage.inks, key_of(stage.inks)), strict=True)))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        seen = cv2.add(self.view.tone(moment), self.view.light(moment, 15.0), dtype=cv2.CV_8U)
        tiny = cv2.resize(seen, self.grid, interpolation=cv2.INTER_AREA).astype(np.float32)
        soft = cv2.GaussianBlur(tiny, (0, 0), 2.2)
        lift = cv2.resize(soft, (stage.width, stage.height), interpolation=cv2.INTER_LINEAR)
        tall = len(self.screen)
        run = np.float32((SCROLL * stage.pace * moment.time * self.pitch) % tall)
        at = cv2.addWeighted(lift, BEND * stage.unit / 255.0, self.lines, 1.0, float(run))
        screen = cv2.remap(self.screen, self.columns, at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        middle = 134.0 - 24.0 * stage.depth * moment.pulse
        lines = cv2.addWeighted(seen, HARDNESS, screen, -HARDNESS, middle)
        return np.asarray(cv2.applyColorMap(lines, self.table), dtype=np.uint8)


def _lines(pitch: float) -> Gray:
    """Thresholds of PERIOD lines, a few columns wide: each level covers the same area."""
    tall = round(PERIOD * pitch)
    phase = np.arange(tall) * (2.0 * pi * PERIOD / tall)
    ranked = np.arccos(np.cos(phase)) / pi
    column = np.rint(18.0 + 216.0 * ranked).astype(np.uint8)
    return np.repeat(column[:, None], 16, axis=1)
