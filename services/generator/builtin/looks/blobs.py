"""Blobs: flat shapes that melt into each other, one ink inside the other."""

from __future__ import annotations

from math import pi

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import even_ramp

LOOK = LookEntry(
    name="blobs",
    family="flow",
    summary="Flat pools of colour that merge and part and swell on the beat.",
    mark=4.5,
    energy=(0.3, 1.0),
    sections=("verse", "chorus"),
    texture="flat",
    movement="beat",
    carries_type=True,
)

COUNT = 9
LEVELS = (0.19, 0.36, 0.53, 0.70)
SHORT = 180
REACH = 2.5
"""Cells on each side of an edge whose distance from it is told."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Blobs(stage)


class Blobs:
    """Gaussians added up on a small grid and cut at fixed levels.

    An edge is drawn from its distance in pixels, the field over its slope, so that it stays sharp
    however small the grid is.
    """

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.grid_width, self.grid_height = stage.grid(SHORT)
        self.aspect = (stage.width / min(stage.width, stage.height), stage.height / min(stage.width, stage.height))
        golden = 0.6180339887
        order = (np.arange(COUNT) + 0.5) / COUNT
        across = (order + random.uniform(0, 1)) % 1.0
        along = (np.arange(COUNT) * golden + random.uniform(0, 1)) % 1.0
        self.home = np.stack([across * self.aspect[0], along * self.aspect[1]])
        self.reach = random.uniform(0.14, 0.30, (2, COUNT))
        self.speed = random.uniform(0.45, 0.85, (2, COUNT)) * stage.pace
        self.phase = random.uniform(0, 2 * pi, (2, COUNT))
        self.radius = random.uniform(0.13, 0.25, COUNT) * (1.0 + 0.12 * (stage.variant % 2))
        self.answer = random.uniform(0.3, 1.0, COUNT)
        self.x = (np.arange(self.grid_width) + 0.5) / SHORT
        self.y = (np.arange(self.grid_height) + 0.5) / SHORT
        inks = list(stage.inks.row)
        if stage.variant % 3 == 2:
            inks[1], inks[2] = inks[2], inks[1]
        self.table = even_ramp(inks)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        swing = self.home + self.reach * np.sin(self.speed * moment.time + self.phase)
        pose = stage.pose(moment.shot)
        middle = (self.aspect[0] / 2.0, self.aspect[1] / 2.0)
        x = (swing[0] - middle[0]) * pose.scale + middle[0] - pose.right * self.aspect[0]
        y = (swing[1] - middle[1]) * pose.scale + middle[1] - pose.down * self.aspect[1]
        radius = self.radius * pose.scale * (1.0 + 0.14 * stage.depth * moment.pulse * self.answer)
        wide = np.exp(-((self.x[None, :] - x[:, None]) ** 2) / (2.0 * radius[:, None] ** 2))
        high = np.exp(-((self.y[None, :] - y[:, None]) ** 2) / (2.0 * radius[:, None] ** 2))
        total = high.T @ wide
        field = (total / (total + 0.9)).astype(np.float32)
        rise_y, rise_x = np.gradient(field)
        slope = np.maximum(np.hypot(rise_x, rise_y), 0.0008)
        gain = 160.0 * stage.width / self.grid_width / (127.5 / REACH)
        size = (stage.width, stage.height)
        index: cv2.typing.MatLike = np.zeros((stage.height, stage.width), np.uint8)
        for level in LEVELS:
            distance = np.clip((field - np.float32(level)) / slope, -REACH, REACH)
            coded = np.rint(127.5 + distance * (127.5 / REACH)).astype(np.uint8)
            edge = cv2.resize(coded, size, interpolation=cv2.INTER_LINEAR)
            cover = cv2.addWeighted(edge, gain, edge, 0.0, 127.5 - 127.5 * gain)
            index = cv2.addWeighted(index, 1.0, cover, 0.25, 0.0)
        return np.asarray(cv2.applyColorMap(index, self.table), dtype=np.uint8)
