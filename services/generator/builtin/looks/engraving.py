"""Engraving: the picture as lines that swell in its shade and bend with its forms."""

from __future__ import annotations

from math import sqrt

import cv2
import numpy as np
from cv2.typing import MatLike

from libs.contracts.looks import LookEntry
from libs.picture.load import Gray, Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, ramp
from services.generator.builtin.paint.grading import inked, key_of
from services.generator.builtin.picture.view import View

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

PITCH = 8.5
"""Pixels from line to line at 720."""
BEND = 34.0
"""Pixels at 720 that a line is lifted where the picture is white."""
CALM = 0.042
"""Parts of the shorter side by which the lift is blurred: steeper, lines would close to rings around a light."""
SLOPES = (0.22, -0.3, 0.08)
SCROLL = 0.25
"""Lines a second."""
HARDNESS = 3.0
SHORT = 90
LINE = 65536
"""Steps of a phase within a line: 16 bits wrap by themselves."""
COARSE = 4096
"""The same for the lift, which may be some lines high."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Engraving(stage, stage.theme)


class Engraving:
    """Each pixel has a phase within its line; the blurred picture bends it, the beat thickens the lines."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture, screened=True)
        self.pitch = max(4.0, PITCH * stage.unit)
        self.grid = stage.grid(SHORT)
        rows, columns = np.mgrid[0 : stage.height, 0 : stage.width].astype(np.float64)
        slope = SLOPES[(stage.variant + stage.visit) % 3]
        phase = (rows + slope * columns) / (self.pitch * sqrt(1.0 + slope * slope))
        self.phase = np.floor((phase % 1.0) * LINE).astype(np.uint16)
        self.thresholds = _thresholds()
        self.table = ramp(list(zip((0.0, 1.0), _inks(stage.inks), strict=True)))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        seen = self.view.soft(self.view.framing.tone, moment, 15.0)
        screen = cv2.LUT(self._levels(seen, moment), self.thresholds)
        middle = 134.0 - 24.0 * stage.depth * moment.pulse
        lines = cv2.addWeighted(seen, HARDNESS, screen, -HARDNESS, middle)
        return np.asarray(cv2.applyColorMap(lines, self.table), dtype=np.uint8)

    def _levels(self, seen: MatLike, moment: Moment) -> Gray:
        """Where each pixel lies within its line, 0..255."""
        stage = self.stage
        tiny = cv2.resize(seen, self.grid, interpolation=cv2.INTER_AREA).astype(np.float32)
        soft = cv2.GaussianBlur(tiny, (0, 0), CALM * SHORT)
        high = soft * np.float32(BEND * stage.unit / self.pitch * COARSE / 255.0)
        lift = cv2.resize(high.astype(np.uint16), (stage.width, stage.height), interpolation=cv2.INTER_LINEAR)
        run = np.uint16(round(SCROLL * stage.pace * moment.time * LINE) % LINE)
        phase = self.phase + np.asarray(lift, dtype=np.uint16) * np.uint16(LINE // COARSE) + run
        return np.asarray(phase >> np.uint16(8), dtype=np.uint8)


def _thresholds() -> Gray:
    """The tone from which a place within a line is paper: each level covers the same area."""
    away = np.abs(np.arange(256) / 128.0 - 1.0)
    return np.rint(18.0 + 216.0 * away).astype(np.uint8)


def _inks(inks: Inks) -> tuple[Lab, Lab]:
    """Ink and paper; fine lines need a darker ink than areas."""
    key = key_of(inks)
    ink, paper = inked(inks, key)
    return (mix(inks.by_lightness[0], ink, 0.45), paper) if key == "paper" else (ink, paper)
