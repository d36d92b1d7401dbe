"""What hangs in the air before a lens: dust, and light that leaks in. Added to a frame that is done."""

from __future__ import annotations

from math import pi, sin
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from services.generator.builtin.looks.stage import Frame, Moment, Stage
from services.generator.builtin.paint.colour import Lab, bgr_of
from services.generator.builtin.paint.noise import Field

Colours: TypeAlias = npt.NDArray[np.float32]
"""Height x width x 3, BGR."""

LEAK_SHORT = 45
GLINTS = 6
"""Levels of light that a speck is kept in."""


class Dust:
    """Soft specks at several depths; near ones are larger, fainter and faster. They glint on the beat."""

    def __init__(self, stage: Stage, colour: Lab, count: int = 34, strength: float = 0.5) -> None:
        random = np.random.default_rng([stage.seed, 41])
        self.stage = stage
        self.place = random.uniform(0.0, 1.0, (count, 2))
        self.depth = random.uniform(0.0, 1.0, count) ** 2.0
        self.drift = random.uniform(-1.0, 1.0, (count, 2)) * 0.012 + np.array([0.006, -0.010])
        self.phase = random.uniform(0.0, 2.0 * pi, count)
        sizes = 2.2 + 17.0 * self.depth**1.5
        level = strength * (1.0 - 0.82 * self.depth)
        tint = bgr_of(colour).astype(np.float32)
        glints = np.linspace(0.3, 1.15, GLINTS, dtype=np.float32)
        self.sprites = [
            [np.clip(spot * tint * np.float32(part) * glint, 0, 255).astype(np.uint8) for glint in glints]
            for spot, part in zip((speck(max(1.6, size * stage.unit)) for size in sizes), level, strict=True)
        ]

    def fall(self, image: Frame, moment: Moment) -> Frame:
        """Lay the dust on the frame, in place."""
        stage = self.stage
        pose = stage.pose(moment.shot)
        run = moment.time * stage.pace
        for index, brighter in enumerate(self.sprites):
            near = 0.6 + 2.2 * float(self.depth[index])
            x, y = self.place[index] + self.drift[index] * near * run
            x = ((x - pose.right * near) % 1.0 - 0.5) * 1.1 * (1.0 + (pose.scale - 1.0) * near) + 0.5
            y = ((y - pose.down * near) % 1.0 - 0.5) * 1.1 * (1.0 + (pose.scale - 1.0) * near) + 0.5
            glint = 0.55 + 0.25 * sin(1.7 * run + self.phase[index]) + 0.35 * stage.depth * moment.pulse
            which = round((GLINTS - 1) * (glint - 0.3) / 0.85)
            added(image, brighter[which], x * stage.width, y * stage.height)
        return image


class Leak:
    """Warm light that leaks in at a side and swells on the bar."""

    def __init__(self, stage: Stage, colours: tuple[Lab, Lab], strength: float = 0.5) -> None:
        self.stage = stage
        self.tints = [bgr_of(colour).astype(np.float32) * np.float32(strength) for colour in colours]
        self.side = -1.0 if (stage.seed + stage.visit) % 2 else 1.0
        width, height = stage.grid(LEAK_SHORT)
        self.x = ((np.arange(width, dtype=np.float32) + 0.5) / width)[None, :]
        self.y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]

    def fall(self, image: Frame, moment: Moment) -> Frame:
        """The frame with the light added."""
        return self.cast(image, self.glow(moment))

    def cast(self, image: Frame, glow: Colours) -> Frame:
        """The frame with small light added."""
        small = np.clip(glow, 0, 255).astype(np.uint8)
        full = cv2.resize(small, (self.stage.width, self.stage.height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.add(image, full), dtype=np.uint8)

    def glow(self, moment: Moment) -> Colours:
        """The light on its small grid, BGR, in levels."""
        stage = self.stage
        run = moment.time * stage.pace
        swell = 0.55 + 0.2 * sin(0.9 * run) + 0.45 * stage.depth * moment.bar_pulse
        edge = 0.5 + self.side * (0.56 + 0.05 * sin(0.5 * run))
        glow = np.zeros((self.y.size, self.x.size, 3), np.float32)
        for tint, wide, high, speed in zip(self.tints, (0.26, 0.15), (0.50, 0.30), (0.31, 0.47), strict=True):
            middle = 0.5 + 0.3 * sin(speed * run + 2.0 * high)
            shape = np.exp(-(((self.x - edge) / wide) ** 2) - ((self.y - middle) / high) ** 2)
            glow += shape[..., None] * tint * np.float32(swell)
        return glow


def speck(radius: float) -> Field:
    """A soft spot: 2 x reach + 1 square, one channel of float, 0..1."""
    reach = max(1, int(np.ceil(radius * 1.25)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    away = np.hypot(x, y) / radius
    return np.asarray(np.clip(1.25 - away, 0.0, 1.0) ** 1.5, dtype=np.float32)[..., None]


def added(image: Frame, sprite: Frame, x: float, y: float) -> None:
    """Add a sprite around a place of the frame, as far as it lies inside."""
    height, width = image.shape[:2]
    half = sprite.shape[0] // 2
    left, top = round(x) - half, round(y) - half
    first_x, first_y = max(0, left), max(0, top)
    last_x, last_y = min(width, left + sprite.shape[1]), min(height, top + sprite.shape[0])
    if first_x < last_x and first_y < last_y:
        part = image[first_y:last_y, first_x:last_x]
        cut = sprite[first_y - top : last_y - top, first_x - left : last_x - left]
        part[:] = cv2.add(part, cut)
