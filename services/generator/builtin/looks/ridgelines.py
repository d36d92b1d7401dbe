"""Ridgelines: range behind range as fine lines, coming on with the beat, the song's motif low behind them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.light import bloom, glow, gradient
from services.generator.builtin.paint.motif import outline, unit_outline
from services.generator.builtin.paint.noise import Field, periodic
from services.generator.builtin.paint.shapes import closed_below, fill

LOOK = LookEntry(
    name="ridgelines",
    family="land",
    summary="Ranges drawn in fine lines that come on with the beat.",
    mark=4.5,
    energy=(0.4, 1.0),
    sections=("bridge", "chorus"),
    texture="line",
    movement="beat",
)

ROWS = 25
TILE = 512
ROWS_A_BEAT = 1.0
SAMPLES_A_ROW = 7.0
"""Rows of the noise from one ridge to the next: neighbours are alike, so that they read as one land."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Ridgelines(stage)


def _scheme(inks: Inks) -> tuple[Lab, Lab, Lab, Lab, Lab, Lab]:
    """Sky above, sky below, land, far line, near line, sun."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return dark, mix(dark, low, 0.9), mix(dark, low, 0.12), mid, mix(high, light, 0.35), high
        case "paper":
            return light, mix(light, high, 0.45), light, high, mix(dark, mid, 0.25), mid
        case "colour":
            ground = inks.ground
            if float(ground[0]) > 0.6:
                return ground, mix(ground, light, 0.55), ground, mix(ground, mid, 0.5), dark, light
            return mix(dark, ground, 0.7), ground, mix(dark, ground, 0.72), mix(ground, high, 0.5), light, high


class Ridgelines:
    """Each row of a noise is a ridge that hides what lies behind; the tallest stand on the bars."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.land = periodic(random, TILE, 15.0)
        self.rise = periodic(random, TILE, 5.0)
        self.offset = float(random.uniform(0, TILE))
        above, self.haze, self.ground, self.far, self.near, self.sun = _scheme(stage.inks)
        self.horizon = (0.40, 0.46, 0.36)[stage.variant % 3]
        stops = [(0.0, above), (self.horizon, self.haze), (1.0, self.haze)]
        self.sky = gradient(stage.width, stage.height, stops, random)
        self.points = max(24, round(stage.width / (7.0 * stage.unit)))
        side = min(stage.width, stage.height)
        self.sun_at = 0.5 + 0.16 * float(random.uniform(-1, 1))
        self.radius = side * (0.17 + 0.05 * stage.finale)
        light = mix(self.sun, stage.inks.by_lightness[4], 0.3)
        at = (self.sun_at * stage.width, self.horizon * stage.height - 0.4 * self.radius)
        glow(self.sky, at, 3.4 * self.radius, light, 0.45 if key_of(stage.inks) == "night" else 0.22)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        image = self.sky.copy()
        horizon = (self.horizon - 1.5 * pose.down) * stage.height
        beat = stage.depth * moment.pulse
        x = (self.sun_at - 0.5 * pose.right) * stage.width
        top = 0.05 * stage.height - self.radius * float(unit_outline(stage.motif)[:, 1].min())
        y = max(top, horizon - self.radius * 0.42) + 0.006 * stage.height * np.sin(0.6 * moment.time)
        fill(image, outline(stage.motif, self.radius * pose.scale * (1.0 + 0.05 * beat), (x, y)), solid(self.sun))
        self._land(image, moment, horizon, pose.right)
        if stage.finale and key_of(stage.inks) == "night":
            bloom(image, 0.3, 70)
        return image

    def _land(self, image: Frame, moment: Moment, horizon: float, right: float) -> None:
        stage = self.stage
        place = ROWS_A_BEAT * (0.55 * moment.step + 0.45 * moment.count)
        numbers = np.arange(int(np.floor(place)) + ROWS, int(np.floor(place)) - 2, -1)
        far = ((numbers - place) / ROWS).astype(np.float32)
        near = np.float32(1.0) - np.clip(far, 0.0, 1.0)
        scale = 0.34 + 0.66 * near**1.4
        base = horizon + (1.10 * stage.height - horizon) * (1.0 - far) ** 1.9
        heights = self._heights(numbers, scale, right)
        beat = stage.depth * moment.pulse
        tall = 0.235 * min(stage.height, 0.8 * stage.width) * (0.6 + 0.5 * moment.energy) * (1.0 + 0.10 * beat)
        accent = np.where(numbers % 4 == 0, 1.25, 0.92) * np.minimum(1.0, 7.0 * near)
        crests = base[:, None] - heights * (tall * scale * accent)[:, None]
        x = np.linspace(-4.0, stage.width + 4.0, self.points)
        slope = np.gradient(crests, x[1] - x[0], axis=1)
        thick = (1.3 + 1.7 * near)[:, None] * stage.unit * np.sqrt(1.0 + np.minimum(slope**2, 9.0))
        lit = 0.18 * float(beat)
        for row in range(len(numbers)):
            depth = float(near[row])
            crest = np.stack([x, crests[row]], axis=-1)
            body = np.stack([x, crests[row] + thick[row]], axis=-1)
            full = mix(self.far, self.near, min(1.0, depth**1.2 + lit * depth))
            line = mix(self.ground, full, min(1.0, 1.2 * (1.3 + 1.7 * depth) * stage.unit))
            floor = float(base[row + 1] if row + 1 < len(base) else stage.height) + 2.0
            fill(image, closed_below(crest, floor), solid(line))
            fill(image, closed_below(body, floor + 1.0), solid(mix(self.haze, self.ground, depth**0.7)))

    def _heights(self, numbers: npt.NDArray[np.int64], scale: npt.NDArray[np.float32], right: float) -> Field:
        """Rows x points, about 0..1.4: fine ridges on wide mountains."""
        stage = self.stage
        middle = np.linspace(-0.5, 0.5, self.points, dtype=np.float32) + np.float32(right)
        across = middle[None, :] * np.float32(stage.width / stage.unit) / scale[:, None]
        along = (numbers * SAMPLES_A_ROW + self.offset) % TILE
        rows = np.repeat(along.astype(np.float32)[:, None], self.points, axis=1)

        def seen(tile: Field, zoom: float) -> Field:
            x = (across * np.float32(zoom) + np.float32(self.offset)) % TILE
            found = cv2.remap(tile, x.astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            return np.asarray(found, dtype=np.float32)

        wide = np.maximum(0.44 + 0.66 * np.tanh(0.8 * seen(self.rise, 0.11)), 0.06)
        return np.asarray(wide * (0.55 + 0.6 * np.tanh(0.7 * seen(self.land, 0.16))), dtype=np.float32)
