"""Burst: rays turn around the song's motif, and paper pieces fly out of it with the beat."""

from __future__ import annotations

from math import pi

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.motif import outline, rim
from services.generator.builtin.paint.shapes import SUBPIXEL, blank, fill, fixed

LOOK = LookEntry(
    name="burst",
    family="geometry",
    summary="Rays around the song's shape, and paper pieces that fly out of it with the beat.",
    mark=4.0,
    energy=(0.5, 1.0),
    sections=("chorus",),
    texture="flat",
    movement="beat",
    most_seconds=12.0,
)

PIECES = 90
FLIGHT = 7.0
"""Beats that a piece is under way."""
CORNERS = 16

Values = npt.NDArray[np.float64]


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Burst(stage)


def _scheme(inks: Inks) -> tuple[Lab, Lab, list[Lab], list[Lab]]:
    """The ground and its rays, alike in lightness; the pieces; the motif from its rim to its heart."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return mix(dark, low, 0.15), mix(dark, low, 0.65), [mid, high, light, high], [low, mid, high, light]
        case "paper":
            return light, mix(light, high, 0.20), [high, mid, low, mid], [mix(light, high, 0.7), high, mid, low]
        case "colour":
            body = inks.ground
            others = [ink for ink in (low, mid, high) if float(np.abs(ink - body).max()) > 0.04]
            ray = mix(body, light if float(body[0]) < 0.62 else dark, 0.13)
            return body, ray, [light, others[0], others[-1], light], [ray, others[0], light, others[-1]]


class Burst:
    """Pieces come nearer as they fly, so that they grow and quicken; each tumbles around an axis of its own."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.ground, self.ray, inks, rims = _scheme(stage.inks)
        self.count = (12, 16, 10)[stage.variant % 3]
        self.rims = [solid(ink) for ink in rims]
        self.side = float(min(stage.width, stage.height))
        self.centre = 0.5 + 0.1 * random.uniform(-1, 1, 2)
        self.way = float(random.choice([-1.0, 1.0]))
        pieces = PIECES + 60 * stage.finale
        self.angle = random.uniform(0, 2 * pi, pieces)
        self.phase = np.arange(pieces) / pieces + random.uniform(0, 0.3 / pieces, pieces)
        self.size = random.uniform(0.5, 1.0, pieces) ** 1.5
        self.tumble = random.uniform(0.5, 1.6, (2, pieces))
        self.own = random.random(pieces) < 0.55
        self.inks = [solid(inks[index]) for index in random.integers(0, len(inks), pieces)]
        self.shape = rim(stage.motif, CORNERS)
        strip = np.array([[-1.0, -0.42], [1.0, -0.42], [1.0, 0.42], [-1.0, 0.42]])
        self.strip = np.repeat(strip, CORNERS // 4, axis=0)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        x = (float(self.centre[0]) - 1.5 * pose.right) * stage.width
        y = (float(self.centre[1]) - 1.5 * pose.down) * stage.height
        image = blank(stage.width, stage.height, solid(self.ground))
        self._rays(image, moment, (x, y))
        beat = stage.depth * moment.pulse
        turn = 0.0 if stage.motif == "arch" else 0.12 * self.way * float(np.sin(0.6 * moment.bar_step))
        radius = self.side * (0.155 + 0.02 * stage.finale) * pose.scale
        order, shapes = self._pieces(moment, (x, y))
        far = order[: len(order) // 3]
        for piece in far.tolist():
            cv2.fillConvexPoly(image, shapes[piece], self.inks[piece], cv2.LINE_AA, SUBPIXEL)
        for number, ink in enumerate(self.rims):
            grown = radius * (1.75 - 0.36 * number) * (1.0 + (0.10 - 0.02 * number) * beat)
            fill(image, outline(stage.motif, grown, (x, y), turn), ink)
        for piece in order[len(far) :].tolist():
            cv2.fillConvexPoly(image, shapes[piece], self.inks[piece], cv2.LINE_AA, SUBPIXEL)
        return image

    def _rays(self, image: Frame, moment: Moment, at: tuple[float, float]) -> None:
        apart = 2.0 * pi / self.count
        turn = self.way * apart * 0.5 * (0.6 * moment.bar_step + 0.4 * moment.bar) * (1.0 + self.stage.visit % 2)
        half = apart * (0.25 + 0.02 * self.stage.depth * moment.pulse)
        reach = 1.1 * float(np.hypot(self.stage.width, self.stage.height))
        for ray in range(self.count):
            ends = turn + ray * apart + np.array([-half, half])
            tips = np.stack([at[0] + reach * np.cos(ends), at[1] + reach * np.sin(ends)], axis=-1)
            wedge = fixed(np.concatenate([np.array([at]), tips]))
            cv2.fillConvexPoly(image, wedge, solid(self.ray), cv2.LINE_AA, SUBPIXEL)

    def _pieces(
        self, moment: Moment, at: tuple[float, float]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """The pieces from the farthest to the nearest, and their outlines in fixed point."""
        run = (0.62 * moment.step + 0.38 * moment.count) / FLIGHT
        age = (run + self.phase) % 1.0
        away = self.side * (0.10 + 1.25 * age**1.9)
        size = self.side * 0.042 * self.size * (0.20 + 1.6 * age**1.5) * np.minimum(1.0, 10.0 * age)
        beats = 0.5 * moment.count + 0.5 * moment.step
        flip = np.cos(pi * self.tumble[0] * beats + 9.0 * self.angle)
        roll = 0.9 * self.tumble[1] * beats + 5.0 * self.angle
        squash = np.sign(flip) * np.maximum(np.abs(flip), 0.12)
        angle = self.angle + 0.35 * self.way * age
        x = at[0] + away * np.cos(angle)
        y = at[1] + away * np.sin(angle) + 0.10 * self.side * age**2
        base = np.where(self.own[:, None, None], self.shape[None], self.strip[None])
        right = base[..., 0] * size[:, None]
        down = base[..., 1] * (size * squash)[:, None]
        c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
        points = np.stack([x[:, None] + c * right - s * down, y[:, None] + s * right + c * down], axis=-1)
        return np.argsort(age), fixed(points)
