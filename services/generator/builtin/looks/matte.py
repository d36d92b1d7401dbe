"""Matte: two gradings of one picture, mixed by a soft shape that wanders through it."""

from __future__ import annotations

from math import pi

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.grading import graded, key_of, two_bodies
from services.generator.builtin.paint.layers import blended
from services.generator.builtin.picture.view import View

LOOK = LookEntry(
    name="matte",
    family="photo",
    summary="Two gradings of the picture, parted by a wandering shape.",
    needs=("picture",),
    stand_in="blobs",
    mark=4.5,
    energy=(0.4, 1.0),
    sections=("chorus",),
    texture="photo",
    movement="beat",
)

COUNT = 4
SHORT = 90


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Matte(stage, stage.theme)


class Matte:
    """Both gradings share their lightness, so that the shape's edge changes the colour and not the picture."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        random = stage.random()
        self.stage = stage
        self.view = View(stage, picture)
        inks = stage.inks
        key = key_of(inks)
        first, second = two_bodies(inks, key)
        self.outside, self.inside = graded(inks, key, first), graded(inks, key, second)
        self.width, self.height = stage.grid(SHORT)
        self.aspect = (self.width / SHORT, self.height / SHORT)
        self.home = random.uniform(0.2, 0.8, (2, COUNT)) * np.array(self.aspect)[:, None]
        self.reach = random.uniform(0.16, 0.34, (2, COUNT)) * np.array(self.aspect)[:, None]
        self.speed = random.uniform(0.5, 0.95, (2, COUNT)) * stage.pace
        self.phase = random.uniform(0, 2 * pi, (2, COUNT))
        self.radius = random.uniform(0.20, 0.32, COUNT)
        self.x = (np.arange(self.width) + 0.5) / SHORT
        self.y = (np.arange(self.height) + 0.5) / SHORT

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        tone = cv2.add(self.view.tone(moment), self.view.light(moment, 9.0), dtype=cv2.CV_8U)
        centre = self.home + self.reach * np.sin(self.speed * moment.time + self.phase)
        radius = self.radius * (1.0 + 0.12 * stage.depth * moment.pulse)
        wide = np.exp(-((self.x[None, :] - centre[0][:, None]) ** 2) / (2.0 * radius[:, None] ** 2))
        high = np.exp(-((self.y[None, :] - centre[1][:, None]) ** 2) / (2.0 * radius[:, None] ** 2))
        shape = np.clip((high.T @ wide - 0.62) * 7.0 + 0.5, 0.0, 1.0).astype(np.float32)
        small = np.rint(shape * np.float32(255.0)).astype(np.uint8)
        share = cv2.resize(small, (stage.width, stage.height), interpolation=cv2.INTER_LINEAR)
        inside = cv2.applyColorMap(tone, self.inside)
        outside = cv2.applyColorMap(tone, self.outside)
        return blended(inside, outside, share)
