"""A ground that glows: one colour runs into another around a slow light, without steps."""

from __future__ import annotations

from math import atan2, cos, degrees, hypot, radians, sin

import cv2
import numpy as np

from services.generator.builtin.looks.stage import Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, ramp
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.noise import dither

SHORT = 60
NEAR = 0.26
"""Grounds glow in an ink that is at most so much lighter or darker; between opposites everything turns grey."""
OLIVE = (80.0, 145.0)
"""Hues in degrees that look dirty when they are darkened: they glow warmer instead."""


def glow_of(inks: Inks) -> Lab:
    """The ink in which a ground glows: a coloured one only grows deeper."""
    if key_of(inks) == "night":
        return inks.mid
    if key_of(inks) == "paper" and abs(float(inks.low[0] - inks.ground[0])) < NEAR:
        return inks.low
    lightness, a, b = (float(value) for value in inks.ground)
    hue = degrees(atan2(b, a)) % 360.0
    turned = radians(hue - 38.0 if OLIVE[0] < hue < OLIVE[1] else hue)
    chroma = hypot(a, b)
    return np.array(
        [0.78 * lightness + 0.22 * float(inks.by_lightness[0][0]), chroma * cos(turned), chroma * sin(turned)]
    )


class Glow:
    """The ground's colour at the edges, the glow's around `centre` (parts of the frame); the beat widens it."""

    def __init__(self, stage: Stage, ground: Lab, glow: Lab, centre: tuple[float, float], reach: float) -> None:
        self.stage = stage
        self.table = ramp([(0.0, ground), (0.55, mix(ground, glow, 0.42)), (1.0, glow)])
        self.centre, self.reach = centre, reach
        width, height = stage.grid(SHORT)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        side = np.float32(min(width, height))
        self.x, self.y = (columns + np.float32(0.5)) / side, (rows + np.float32(0.5)) / side
        self.span = (width / float(side), height / float(side))
        self.dither = dither(stage.random(), stage.height, stage.width)

    def frame(self, moment: Moment) -> Frame:
        """The ground at a moment."""
        run = 0.5 * self.stage.pace * moment.time
        x = np.float32((self.centre[0] + 0.10 * sin(run)) * self.span[0])
        y = np.float32((self.centre[1] + 0.05 * cos(0.8 * run)) * self.span[1])
        wide = self.reach * (1.0 + 0.07 * self.stage.depth * moment.pulse)
        away = ((self.x - x) ** 2 + (self.y - y) ** 2) * np.float32(1.0 / wide**2)
        light = np.exp(-away) * np.float32(255.0)
        size = (self.stage.width, self.stage.height)
        smooth = cv2.resize(light, size, interpolation=cv2.INTER_LINEAR)
        index = cv2.add(smooth, self.dither, dtype=cv2.CV_8U)
        return np.asarray(cv2.applyColorMap(index, self.table), dtype=np.uint8)
