"""Hills: layers of ridges that pass at their own speed, haze between them, a sun above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.colour import Inks, Lab, bgr_of, mix, solid
from services.generator.builtin.grading import key_of
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.noise import periodic_line

Points: TypeAlias = npt.NDArray[np.float64]
"""N x 2, pixels."""

LOOK = LookEntry(
    name="hills",
    family="land",
    summary="Ranges in the haze under a low sun, passing by.",
    mark=4.5,
    energy=(0.0, 0.6),
    sections=("intro", "verse", "outro"),
    texture="flat",
    movement="drift",
    carries_type=True,
)

LAYERS = 7
LINE = 4096
SUBPIXEL = 4
"""Bits of a pixel's fraction in OpenCV's drawing calls."""


def _shade(dark: Lab, far: Lab) -> Lab:
    """As dark as `dark` in the hue of `far`: between opposite hues all layers would be grey."""
    return np.array([dark[0], 0.45 * far[1], 0.45 * far[2]])


@dataclass(frozen=True)
class Scheme:
    """The colours of a landscape."""

    above: Lab
    far: Lab
    near: Lab
    haze: Lab
    sun: Lab


def _scheme(inks: Inks) -> Scheme:
    """Dusk on a dark ground, evening on a coloured one, a pale morning on paper."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            far = mix(low, mid, 0.85)
            return Scheme(above=dark, far=far, near=_shade(dark, far), haze=mix(far, high, 0.4), sun=light)
        case "colour":
            far = mix(mid, high, 0.5)
            return Scheme(above=low, far=far, near=_shade(dark, far), haze=mix(high, light, 0.45), sun=light)
        case "paper":
            return Scheme(above=light, far=high, near=low, haze=mix(high, light, 0.6), sun=mid)


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Hills(stage)


class Hills:
    """Far ridges are pale and slow, near ones dark and fast; the sun breathes with the beat."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.lines = [periodic_line(random, LINE, 3.0 + 1.6 * layer, 1.7) for layer in range(LAYERS)]
        self.offsets = random.uniform(0, LINE, LAYERS)
        self.way = -1.0 if stage.camera.move == "pan_right" or stage.variant % 2 else 1.0
        self.horizon = 0.50 + 0.08 * ((stage.variant % 3) - 1)
        scheme = _scheme(stage.inks)
        shares = np.linspace(0.0, 1.0, LAYERS) ** 0.8
        self.colours = [mix(scheme.far, scheme.near, float(share)) for share in shares]
        self.haze, self.sun = scheme.haze, scheme.sun
        self.sun_at = (float(random.uniform(0.28, 0.72)), self.horizon - float(random.uniform(0.10, 0.2)))
        self.sky = self._sky(scheme.above, scheme.far)
        self.step_x = max(2, round(3 * stage.unit))

    def _sky(self, above: Lab, below: Lab) -> Frame:
        """The sky, a margin taller than the frame, so that it can slide."""
        stage = self.stage
        rows = round(stage.height * 1.2)
        share = np.clip(np.linspace(-0.02, 1.0 / self.horizon, rows), 0.0, 1.0)[:, None] ** 1.3
        lab = above[None, :] + (mix(below, self.haze, 0.35) - above)[None, :] * share
        noise = stage.random().random((rows, stage.width, 1)) - 0.5
        sky = np.empty((rows, stage.width, 3), np.float32)
        sky[:] = bgr_of(lab).astype(np.float32)[:, None, :]
        return np.asarray(np.clip(np.rint(sky + noise), 0, 255), dtype=np.uint8)

    def _rest(self, layer: int, lift: float) -> float:
        """The y that a layer's crest swings around."""
        near = layer / (LAYERS - 1)
        share = self.horizon + (1.0 - self.horizon) * 0.92 * near**1.1 + lift * near
        return float(share * self.stage.height)

    def _tall(self, layer: int) -> float:
        """The most that a layer's crest swings, in pixels."""
        return (0.055 + 0.075 * layer / (LAYERS - 1)) * self.stage.height

    def _crest(self, layer: int, time: float, lift: float) -> Points:
        """A layer's crest from the left to the right."""
        stage = self.stage
        near = layer / (LAYERS - 1)
        x = np.arange(-self.step_x, stage.width + 2 * self.step_x, self.step_x, dtype=np.float64)
        speed = (20.0 + 150.0 * near**1.5) * stage.pace * self.way
        at = (x / stage.unit + speed * time) * (0.62 - 0.2 * near) + self.offsets[layer]
        height = np.interp(at % LINE, np.arange(LINE + 1), np.append(self.lines[layer], self.lines[layer][0]))
        return np.stack([x, self._rest(layer, lift) - self._tall(layer) * height], axis=-1)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        height = stage.height
        slide = round((0.1 + 0.09 * np.sin(0.7 * moment.time)) * height)
        image = self.sky[slide : slide + height].copy()
        lift = pose.scale - 1.0 - pose.down - 0.008 * stage.depth * moment.pulse
        self._sun(image, moment, lift)
        for layer in range(LAYERS):
            crest = self._crest(layer, moment.time, lift)
            corners = np.array([[crest[-1, 0], height + 2.0], [crest[0, 0], height + 2.0]])
            points = np.rint(np.concatenate([crest, corners]) * (1 << SUBPIXEL)).astype(np.int32)
            cv2.fillPoly(image, [points], solid(self.colours[layer]), cv2.LINE_AA, SUBPIXEL)
            self._mist(image, layer, lift)
        return image

    def _sun(self, image: Frame, moment: Moment, lift: float) -> None:
        stage = self.stage
        side = min(stage.width, stage.height)
        x = (self.sun_at[0] - self.way * 0.006 * moment.shot) * stage.width
        y = (self.sun_at[1] - 0.5 * lift) * stage.height
        radius = side * 0.075 * (1.0 + 0.05 * stage.depth * moment.pulse)
        for grow, share in ((2.6, 0.10), (1.75, 0.16)):
            self._glow(image, x, y, radius * grow * (1.0 + 0.18 * stage.depth * moment.pulse), share)
        centre = (round(x * (1 << SUBPIXEL)), round(y * (1 << SUBPIXEL)))
        cv2.circle(image, centre, round(radius * (1 << SUBPIXEL)), solid(self.sun), -1, cv2.LINE_AA, SUBPIXEL)

    def _glow(self, image: Frame, x: float, y: float, radius: float, share: float) -> None:
        left, top = max(0, int(x - radius) - 2), max(0, int(y - radius) - 2)
        right, bottom = min(image.shape[1], int(x + radius) + 3), min(image.shape[0], int(y + radius) + 3)
        if right <= left or bottom <= top:
            return
        part = image[top:bottom, left:right]
        shine = part.copy()
        centre = (round((x - left) * (1 << SUBPIXEL)), round((y - top) * (1 << SUBPIXEL)))
        cv2.circle(shine, centre, round(radius * (1 << SUBPIXEL)), solid(self.haze), -1, cv2.LINE_AA, SUBPIXEL)
        cv2.addWeighted(part, 1.0 - share, shine, share, 0.0, dst=part)

    def _mist(self, image: Frame, layer: int, lift: float) -> None:
        """Haze before a layer, thicker towards its foot: it reaches down to where the next layer covers all."""
        if layer == LAYERS - 1:
            return
        top = max(0, int(self._rest(layer, lift) - self._tall(layer)))
        bottom = min(image.shape[0], int(self._rest(layer + 1, lift) + self._tall(layer + 1)) + 2)
        if bottom <= top:
            return
        strength = 0.62 * (1.0 - layer / LAYERS)
        share = (np.linspace(0.0, 1.0, bottom - top, dtype=np.float32) ** 1.4 * strength * 256).astype(np.uint16)
        colour = np.array(solid(self.haze), np.uint16)
        part = image[top:bottom]
        part[:] = (part * (256 - share)[:, None, None] + colour * share[:, None, None]) >> 8
