"""Halftone: the picture as dots of one ink on paper."""

from __future__ import annotations

from math import cos, pi, radians, sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.colour import ramp
from services.generator.builtin.grading import inked, key_of
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.looks.view import View
from services.generator.builtin.picture import Gray, Picture

LOOK = LookEntry(
    name="halftone",
    family="press",
    summary="The picture as dots of one ink.",
    needs=("picture",),
    stand_in="tiles",
    mark=4.5,
    energy=(0.3, 1.0),
    sections=("verse", "bridge"),
    texture="dots",
    movement="beat",
)

PITCH = 10.0
"""Pixels from dot to dot at 720."""
ANGLES = (45.0, 30.0, 60.0)
HARDNESS = 4.0


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Halftone(stage, stage.theme)


class Halftone:
    """The screen stays, the picture moves below it; the dots swell a little on the beat."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture, screened=True)
        self.screen = _screen(stage.width, stage.height, max(4.0, PITCH * stage.unit), ANGLES[stage.variant % 3])
        ink, paper = inked(stage.inks, key_of(stage.inks))
        self.table = ramp([(0.0, ink), (1.0, paper)])

    def frame(self, moment: Moment) -> Frame:
        seen = cv2.add(self.view.tone(moment), self.view.light(moment, 17.0), dtype=cv2.CV_8U)
        soft = cv2.blur(seen, (3, 3))
        middle = 134.0 - 26.0 * self.stage.depth * moment.pulse
        dots = cv2.addWeighted(soft, HARDNESS, self.screen, -HARDNESS, middle)
        return np.asarray(cv2.applyColorMap(dots, self.table), dtype=np.uint8)


def _screen(width: int, height: int, pitch: float, degrees: float) -> Gray:
    """The thresholds of the dots: each of the 256 levels covers the same area."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    across, up = cos(radians(degrees)), sin(radians(degrees))
    u = (columns * across + rows * up) * 2.0 * pi / pitch
    v = (rows * across - columns * up) * 2.0 * pi / pitch
    wave = np.cos(u) + np.cos(v)
    edges = np.quantile(wave[:: max(1, height // 256), :: max(1, width // 256)], np.linspace(0.0, 1.0, 257)[1:-1])
    ranked = np.searchsorted(edges, wave)
    return np.asarray(18.0 + ranked * (216.0 / 255.0), dtype=np.uint8)
