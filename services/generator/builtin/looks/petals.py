"""Petals: a flower of thin petals that lie over each other; on each bar a ring of them opens from the heart."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import floor, pi

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, Table, mix, ramp, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.shapes import Points, fill

LOOK = LookEntry(
    name="petals",
    family="geometry",
    summary="A flower of thin petals that opens a ring on each bar.",
    mark=4.5,
    energy=(0.0, 0.75),
    sections=("verse", "bridge", "outro", "chorus"),
    texture="flat",
    movement="bar",
)

RINGS = 5
GROWTH = 1.55
"""Size of a ring to the one inside it."""
LEVEL = 46.0
"""What a petal adds to the thickness, of 255."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Petals(stage)


def _tissue(inks: Inks) -> tuple[Table, Lab]:
    """From the bare ground through one petal, two and more; and the heart."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            row = [dark, mix(dark, low, 0.9), mix(low, mid, 0.7), mid, mix(mid, high, 0.6), high]
            return _table(row), light
        case "paper":
            pale = mix(light, high, 0.45)
            return _table([light, pale, high, mix(high, mid, 0.6), mid, mix(mid, low, 0.5)]), dark
        case "colour":
            body = inks.ground
            if float(body[0]) > 0.6:
                thin = [mix(body, light, share) for share in (0.35, 0.65)]
                return _table([body, *thin, light, mix(light, mid, 0.3), mid]), dark
            return _table(
                [body, mix(body, high, 0.3), mix(body, high, 0.6), high, mix(high, light, 0.5), light]
            ), dark


def _table(row: list[Lab]) -> Table:
    return ramp([(index * LEVEL / 255.0, ink) for index, ink in enumerate(row)])


class Petals:
    """Petals add up in one channel, as thin paper does; a table gives each thickness its colour."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.table, self.heart = _tissue(stage.inks)
        self.count = (9, 12, 7)[stage.variant % 3] + 2 * (stage.visit % 2)
        self.wide = (0.80, 0.72, 0.92)[stage.variant % 3]
        self.turn = float(random.uniform(0, 2 * pi))
        self.way = float(random.choice([-1.0, 1.0]))
        reach = 0.24 if stage.variant % 2 else 0.15
        off = random.uniform(-reach, reach, 2)
        self.centre = (0.5 + float(off[0]), 0.5 + 0.8 * float(off[1]))
        self.side = float(min(stage.width, stage.height))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        x = (self.centre[0] - 1.5 * pose.right) * stage.width
        y = (self.centre[1] - 1.5 * pose.down) * stage.height
        thick = np.zeros((stage.height, stage.width), np.uint8)
        for points, level in self._petals(moment, pose.scale):
            _lay(thick, points + np.array([x, y]), level)
        image: Frame = np.asarray(cv2.applyColorMap(thick, self.table), dtype=np.uint8)
        radius = 0.058 * self.side * pose.scale * (1.0 + 0.12 * stage.depth * moment.pulse)
        turn = 0.0 if stage.motif == "arch" else self.way * 0.05 * moment.time
        fill(image, outline(stage.motif, radius, (x, y), turn), solid(self.heart))
        return image

    def _petals(self, moment: Moment, scale: float) -> Iterator[tuple[Points, int]]:
        """The petals around (0, 0) and what each adds, from the outermost ring to the newest."""
        place = 0.5 * moment.bar_step + 0.5 * moment.bar
        newest = floor(place)
        beat = self.stage.depth * moment.pulse
        apart = 2.0 * pi / self.count
        for ring in range(RINGS, -1, -1):
            age = ring + place - newest
            level = round(LEVEL * min(1.0, 2.2 * age) * min(1.0, 0.9 * (RINGS + 1.0 - age)))
            radius = 0.155 * self.side * GROWTH**age * scale
            turn = self.turn + 0.5 * apart * (newest - ring) + self.way * (0.05 * moment.time + 0.10 * age)
            for petal in range(self.count):
                answer = beat * (0.085 if (petal + floor(moment.count)) % 2 else 0.02)
                points = _petal() * np.array([radius * (1.0 + answer), radius * self.wide * apart])
                c, s = np.cos(turn + petal * apart), np.sin(turn + petal * apart)
                yield points @ np.array([[c, s], [-s, c]]), level


def _lay(thick: npt.NDArray[np.uint8], points: Points, level: int) -> None:
    """Add a petal to the thickness, at most to 255."""
    left, top = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 2, thick.shape[::-1])
    if right <= left or bottom <= top:
        return
    sheet = np.zeros((bottom - top, right - left), np.uint8)
    fill(sheet, points - np.array([left, top]), level)
    part = thick[top:bottom, left:right]
    cv2.add(part, sheet, dst=part)


@cache
def _petal() -> Points:
    """A petal along x from near the heart to 1, half a unit to each side at its widest. Read only."""
    along = np.linspace(0.0, 1.0, 22)
    half = 0.5 * np.sin(pi * along**1.35) ** 0.75
    upper = np.stack([0.10 + 0.90 * along, half], axis=-1)
    return np.concatenate([upper, (upper * np.array([1.0, -1.0]))[-2:0:-1]])
