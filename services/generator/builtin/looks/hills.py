"""Hills: ranges that pass at their own speed, haze between them, the song's motif as their sun, stars by night."""

from __future__ import annotations

from dataclasses import dataclass
from math import sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, bgr_of, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.noise import periodic_line
from services.generator.builtin.paint.shapes import SUBPIXEL, Points, closed_below, disc, fill, fixed, stroke

LOOK = LookEntry(
    name="hills",
    family="land",
    summary="Ranges in the haze, woods before them, under a low sun in the song's shape.",
    mark=4.5,
    energy=(0.0, 0.6),
    sections=("intro", "verse", "outro"),
    texture="flat",
    movement="drift",
    carries_type=True,
)

LAYERS = 7
LINE = 4096
STARS = 120
BIRDS = 7
CLOUDS = 5
CLOUD = ((0.0, 0.0, 1.0), (0.16, 1.6, 0.55), (-0.22, 3.0, 0.34), (0.30, -1.6, 0.42))
"""The streaks of a cloud: how far aside in parts of its width, how high in parts of a streak, how wide."""
_ALONG = np.linspace(-1.0, 1.0, 24)
LENS = np.concatenate(
    [
        np.stack([way * _ALONG, way * height * (1.0 - _ALONG**2)], axis=-1)
        for way, height in ((1.0, -1.0), (-1.0, -0.55))
    ]
)
"""A streak around (0, 0): thin at its ends, flatter below."""
TREES = 2
"""Layers, the nearest ones, that have woods on them."""
STRIP = 3
"""Rows of haze that are of one strength."""


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
    cloud: Lab
    sun: Lab


def _scheme(inks: Inks) -> Scheme:
    """Dusk on a dark ground, evening on a coloured one, a pale morning on paper."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            far = mix(low, mid, 0.85)
            return Scheme(
                above=dark,
                far=far,
                near=_shade(dark, far),
                haze=mix(far, high, 0.4),
                cloud=mix(far, light, 0.3),
                sun=light,
            )
        case "colour":
            far = mix(mid, high, 0.5)
            return Scheme(
                above=low,
                far=far,
                near=_shade(dark, far),
                haze=mix(high, light, 0.45),
                cloud=mix(far, light, 0.4),
                sun=light,
            )
        case "paper":
            return Scheme(
                above=light, far=high, near=low, haze=mix(high, light, 0.6), cloud=mix(light, mid, 0.3), sun=mid
            )


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
        self.cloud = solid(scheme.cloud)
        self.sun_at = (float(random.uniform(0.28, 0.72)), self.horizon - float(random.uniform(0.10, 0.2)))
        self.night = key_of(stage.inks) == "night"
        self.sky = self._sky(scheme.above, scheme.far)
        if self.night:
            self._strew(scheme, random)
        self.wooded = stage.variant % 2 == 0
        self.trees = random.uniform(0.35, 1.0, 512)
        self.flown = float(random.uniform(0.0, 0.6))
        self.flock = random.uniform(-1.0, 1.0, (BIRDS + 6 * stage.finale, 3))
        self.step_x = max(2, round(3 * stage.unit))
        self.clouds = random.uniform(0.0, 1.0, (CLOUDS, 4))

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

    def _strew(self, scheme: Scheme, random: np.random.Generator) -> None:
        """Stars, fewer and fainter towards the horizon."""
        stage = self.stage
        light = solid(scheme.sun)
        for _ in range(STARS):
            high = float(random.uniform(0, 1)) ** 1.4
            x, y = random.uniform(0, stage.width), high * (self.horizon + 0.1) * stage.height
            share = float(random.uniform(0.25, 0.9)) * (1.0 - 0.8 * high)
            behind = self.sky[int(y), int(x)]
            blue, green, red = (round(b + share * (s - b)) for b, s in zip(behind.tolist(), light, strict=True))
            disc(self.sky, float(x), float(y), stage.unit * float(random.uniform(0.6, 1.9)), (blue, green, red))

    def _rest(self, layer: int, lift: float) -> float:
        """The y that a layer's crest swings around."""
        near = layer / (LAYERS - 1)
        share = self.horizon + (1.0 - self.horizon) * 0.92 * near**1.1 + lift * near
        return float(share * self.stage.height)

    def _tall(self, layer: int) -> float:
        """The most that a layer's crest swings, in pixels."""
        return (0.055 + 0.075 * layer / (LAYERS - 1)) * self.stage.height

    def _speed(self, layer: int) -> float:
        """Pixels a second at 720."""
        near = layer / (LAYERS - 1)
        return float(20.0 + 150.0 * near**1.5) * self.stage.pace * self.way

    def _crest(self, layer: int, time: float, lift: float) -> Points:
        """A layer's crest from the left to the right."""
        stage = self.stage
        near = layer / (LAYERS - 1)
        x = np.arange(-self.step_x, stage.width + 2 * self.step_x, self.step_x, dtype=np.float64)
        at = (x / stage.unit + self._speed(layer) * time) * (0.62 - 0.2 * near) + self.offsets[layer]
        height = np.interp(at % LINE, np.arange(LINE + 1), np.append(self.lines[layer], self.lines[layer][0]))
        return np.stack([x, self._rest(layer, lift) - self._tall(layer) * height], axis=-1)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        pose = stage.pose(moment.shot)
        height = stage.height
        slide = round((0.1 + 0.09 * np.sin(0.7 * moment.time)) * height)
        image = self.sky[slide : slide + height].copy()
        lift = pose.scale - 1.0 - pose.down - 0.008 * stage.depth * moment.pulse
        self._clouds(image, moment, lift)
        self._sun(image, moment, lift)
        for layer in range(LAYERS):
            if layer == 2:
                self._birds(image, moment)
            crest = self._crest(layer, moment.time, lift)
            colour = solid(self.colours[layer])
            fill(image, closed_below(crest, height + 2.0), colour)
            if self.wooded and layer >= LAYERS - TREES:
                self._woods(image, layer, moment.time, crest)
            self._mist(image, layer, lift)
        return image

    def _sun(self, image: Frame, moment: Moment, lift: float) -> None:
        stage = self.stage
        side = min(stage.width, stage.height)
        beat = stage.depth * moment.pulse
        x = (self.sun_at[0] - self.way * 0.006 * moment.shot) * stage.width
        y = (self.sun_at[1] - 0.5 * lift) * stage.height
        radius = side * (0.085 + 0.03 * stage.finale)
        for grow, share in ((2.3, 0.10), (1.6, 0.17)):
            self._halo(image, (x, y), radius * grow * (1.0 + 0.14 * beat), share)
        fill(image, outline(stage.motif, radius * (1.0 + 0.05 * beat), (x, y)), solid(self.sun))

    def _clouds(self, image: Frame, moment: Moment, lift: float) -> None:
        """Long flat clouds behind the sun; the nearer one is, the lower it hangs and the faster it goes."""
        stage = self.stage
        sky = image[: min(stage.height, round((self.horizon + 0.1) * stage.height))]
        hazy = sky.copy()
        run = 0.6 * moment.count + 0.4 * moment.step
        for number, (start, size, rise, row) in enumerate(self.clouds):
            near = (number + 0.5) / CLOUDS
            wide = (0.26 + 0.26 * size) * max(stage.width, 0.7 * stage.height)
            tall = (0.005 + 0.006 * rise) * stage.height
            place = (start - self.way * (0.012 + 0.016 * near) * stage.pace * run) % 1.0
            x = place * (stage.width + 2.0 * wide) - wide
            y = (self.horizon * (0.35 + 0.62 * near + 0.06 * row) + 0.4 * lift) * stage.height
            for part, (aside, high, share) in enumerate(CLOUD):
                half = 0.5 * wide * share
                middle = x + aside * wide * (1.0 if row < 0.5 else -1.0)
                level = y - high * tall + 0.1 * tall * sin(0.7 * moment.time + part)
                fill(hazy, LENS * (half, 1.6 * tall) + (middle, level), self.cloud)
        cv2.addWeighted(sky, 0.55, hazy, 0.45, 0.0, dst=sky)

    def _halo(self, image: Frame, at: tuple[float, float], radius: float, share: float) -> None:
        """Mix some haze into the sky in the sun's shape."""
        shape = outline(self.stage.motif, radius, at)
        left, top = np.maximum(np.floor(shape.min(axis=0)).astype(int) - 1, 0)
        right, bottom = np.minimum(np.ceil(shape.max(axis=0)).astype(int) + 2, image.shape[1::-1])
        if right <= left or bottom <= top:
            return
        part = image[top:bottom, left:right]
        shine = part.copy()
        fill(shine, shape - np.array([left, top]), solid(self.haze))
        cv2.addWeighted(part, 1.0 - share, shine, share, 0.0, dst=part)

    def _birds(self, image: Frame, moment: Moment) -> None:
        """A flock that crosses the sky, wings in time with the bar."""
        stage = self.stage
        wing = 8.5 * stage.unit
        across = self.flown + 0.035 * moment.shot * stage.pace
        lead = (across if self.way < 0 else 1.0 - across, 0.55 * self.horizon)
        for number, (right, down, early) in enumerate(self.flock):
            x = (lead[0] + self.way * 0.022 * number + 0.012 * right) * stage.width
            y = (lead[1] + 0.05 * down + 0.01 * sin(0.9 * moment.time + 6.0 * early)) * stage.height
            flap = 0.15 + 0.5 * sin(2.0 * np.pi * (moment.count + early)) ** 2
            tips = np.array([[x - wing, y - wing * flap], [x, y], [x + wing, y - wing * flap]])
            stroke(image, tips, solid(self.colours[4]), 1.6 * stage.unit)

    def _woods(self, image: Frame, layer: int, time: float, crest: Points) -> None:
        """Firs along a crest, which go by with it."""
        stage = self.stage
        near = layer - (LAYERS - TREES - 1)
        apart = (9.0 + 7.0 * near) * stage.unit
        run = self._speed(layer) * time * stage.unit
        first = int(np.floor(run / apart)) - 1
        numbers = np.arange(first, first + int(stage.width / apart) + 4)
        grown = self.trees[(numbers * 7 + 131 * layer) % len(self.trees)]
        x = numbers * apart - run + 0.4 * apart * grown
        foot = np.interp(x, crest[:, 0], crest[:, 1])
        tall = (16.0 + 22.0 * near) * stage.unit * grown * (grown > 0.48)
        colour = solid(self.colours[layer])
        for right, down, height in zip(x.tolist(), foot.tolist(), tall.tolist(), strict=True):
            if height:
                half = 0.21 * height
                tree = np.array([[right, down - height], [right + half, down + 3.0], [right - half, down + 3.0]])
                cv2.fillConvexPoly(image, fixed(tree), colour, cv2.LINE_AA, SUBPIXEL)

    def _mist(self, image: Frame, layer: int, lift: float) -> None:
        """Haze before a layer, thicker towards its foot: it reaches down to where the next layer covers all."""
        if layer == LAYERS - 1:
            return
        top = max(0, int(self._rest(layer, lift) - self._tall(layer)))
        bottom = min(image.shape[0], int(self._rest(layer + 1, lift) + self._tall(layer + 1)) + 2)
        if bottom <= top:
            return
        strength = 0.62 * (1.0 - layer / LAYERS)
        haze = np.empty((STRIP, image.shape[1], 3), np.uint8)
        haze[:] = solid(self.haze)
        for row in range(top, bottom, STRIP):
            share = ((row - top) / (bottom - top)) ** 1.4 * strength
            part = image[row : min(row + STRIP, bottom)]
            cv2.addWeighted(part, 1.0 - share, haze[: len(part)], share, 0.0, dst=part)
