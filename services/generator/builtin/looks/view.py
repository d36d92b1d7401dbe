"""The picture as the camera sees it: near and far parts move apart, light wanders over it."""

from __future__ import annotations

from math import cos, sin

import cv2
import numpy as np

from services.generator.builtin.camera import frame_to_source
from services.generator.builtin.looks.stage import Moment, Stage
from services.generator.builtin.noise import Field, periodic
from services.generator.builtin.picture import FOCUS, Gray, Picture, framed

MAP_SHORT = 54
LIGHT_SHORT = 45
LIGHT_TILE = 128
PARALLAX = 0.011
"""Parts of the width that the nearest part moves to either side; more would bend faces."""
CLOSENESS = (1.04, 1.5, 1.22)
"""Of neighbouring scenes: as a whole, close, nearer."""
ASIDE = (0.0, -0.06, 0.08)
"""Parts of the picture that the view then stands beside its middle."""
SMALL = 420
"""Pictures with a shorter side below this are shown close only on a screen, which hides that they are soft."""


class View:
    """Samples the picture's tone for each moment of a shot."""

    def __init__(self, stage: Stage, picture: Picture, *, screened: bool = False) -> None:
        self.stage = stage
        which = stage.variant % 3
        closeness = CLOSENESS[which]
        if picture.short_side < SMALL and not screened:
            closeness = 1.0 + 0.5 * (closeness - 1.0)
        focus = (FOCUS[0] + ASIDE[which], FOCUS[1])
        self.framing = framed(picture, stage.width, stage.height, closeness, focus)
        self.map_width, self.map_height = stage.grid(MAP_SHORT)
        across = (np.arange(self.map_width, dtype=np.float32) + 0.5) * stage.width / self.map_width - 0.5
        along = (np.arange(self.map_height, dtype=np.float32) + 0.5) * stage.height / self.map_height - 0.5
        self.x, self.y = (part.astype(np.float32) for part in np.meshgrid(across, along))
        self.near = self._nearness()
        random = stage.random()
        self.light_tile = periodic(random, LIGHT_TILE, 1.8)
        width, height = stage.grid(LIGHT_SHORT)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        self.light_x, self.light_y = columns * np.float32(0.8), rows * np.float32(0.8)
        away = ((columns + 0.5) / width - 0.5) ** 2 + ((rows + 0.5) / height - 0.5) ** 2
        self.vignette = (-38.0 * np.maximum(away - 0.12, 0.0)).astype(np.float32)

    def _nearness(self) -> Field:
        """0 far, 1 near: a subject that stands in the middle before a floor that comes towards us."""
        u = self.x / self.stage.width - 0.5
        v = self.y / self.stage.height
        floor = 0.45 * v**1.5
        subject = np.exp(-((u / 0.30) ** 2 + ((v - 0.55) / 0.48) ** 2) * 1.2)
        return np.asarray(np.maximum(floor, 0.9 * subject), dtype=np.float32)

    def tone(self, moment: Moment) -> Gray:
        """The picture's lightness in the frame, 0..255, sharp, without the wandering light."""
        stage = self.stage
        pose = stage.pose(moment.shot)
        beat = 1.0 + 0.007 * stage.depth * moment.pulse
        matrix = frame_to_source(pose, stage.width, stage.height, self.framing.centre, self.framing.scale / beat)
        swing = PARALLAX * stage.width * self.framing.scale
        turn = 0.55 * stage.pace * moment.time
        aside, along = np.float32(swing * sin(turn)), np.float32(0.5 * swing * cos(0.83 * turn))
        part = matrix.astype(np.float32)
        x = part[0, 0] * self.x + part[0, 1] * self.y + part[0, 2] + aside * self.near
        y = part[1, 0] * self.x + part[1, 1] * self.y + part[1, 2] + along * self.near
        size = (stage.width, stage.height)
        full_x = cv2.resize(x, size, interpolation=cv2.INTER_LINEAR)
        full_y = cv2.resize(y, size, interpolation=cv2.INTER_LINEAR)
        seen = cv2.remap(self.framing.tone, full_x, full_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(seen, dtype=np.uint8)

    def light(self, moment: Moment, strength: float) -> Field:
        """Light and shade that wander over the frame, in levels of tone, at the frame's size."""
        run = moment.time * self.stage.pace
        wave = cv2.remap(
            self.light_tile,
            self.light_x + np.float32(9.0 * run + 500.0),
            self.light_y + np.float32(4.0 * run + 500.0),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        small = np.clip(wave, -2.0, 2.0) * np.float32(strength) + self.vignette
        size = (self.stage.width, self.stage.height)
        return np.asarray(
            cv2.resize(small.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), dtype=np.float32
        )
