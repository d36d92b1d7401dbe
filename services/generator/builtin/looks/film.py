"""Film: the photograph as a film has it, wide between bars, in a gate that isn't quite steady, light leaking in."""

from __future__ import annotations

from dataclasses import replace
from math import sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.atmosphere import LEAK_SHORT, Colours, Leak
from services.generator.builtin.paint.colour import mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.layers import lit
from services.generator.builtin.paint.noise import periodic_line
from services.generator.builtin.picture.photograph import Photograph

LOOK = LookEntry(
    name="film",
    family="photo",
    summary="The photograph as a wide film, light leaking in.",
    needs=("picture",),
    stand_in="silk",
    mark=4.5,
    energy=(0.0, 0.6),
    sections=("intro", "verse", "outro"),
    texture="photo",
    movement="drift",
    least_pixels=500,
)

WIDE = 2.39
BAR = 0.12
"""Parts of the height that each bar takes where the frame isn't wide."""
WEAVE = 0.00045
"""Parts of the frame that the gate weaves."""
WEAVE_HZ = 9.0
LAPS = 512
BRIGHT = 205
"""Levels above which highlights glow."""
KEEP = 0.8


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Film(stage, stage.theme)


class Film:
    """The bars are the palette's darkest ink, or its paper; highlights glow into their surroundings."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        inks = stage.inks
        dark, _, _, high, light = inks.by_lightness
        key = key_of(inks)
        wide = stage.width > 1.2 * stage.height
        seen = min(stage.width / WIDE, 0.86 * stage.height) if wide else (1.0 - 2.0 * BAR) * stage.height
        self.bar = max(2, round((stage.height - seen) / 2.0))
        gate = replace(stage, height=stage.height - 2 * self.bar)
        self.photo = Photograph(gate, picture, KEEP)
        self.leak = Leak(
            gate,
            (mix(inks.accent, high, 0.5), mix(high, light, 0.4)),
            (1.0 if stage.finale else 0.75) * (1.0 - self.photo.bright),
        )
        self.bars = solid({"night": dark, "colour": mix(dark, inks.ground, 0.5), "paper": light}[key])
        self.weave = periodic_line(np.random.default_rng([stage.seed, 43]), LAPS, LAPS / 4.0, 3.0)
        self.small = gate.grid(LEAK_SHORT)
        self.warmth = np.array([0.4, 0.65, 1.1], np.float32)

    def frame(self, moment: Moment) -> Frame:
        image = lit(self.photo.seen(moment, self._weave(moment.shot)), self.photo.light(moment))
        image = self.leak.cast(image, self.leak.glow(moment) + self._halation(image))
        page = np.empty((self.stage.height, self.stage.width, 3), np.uint8)
        page[self.bar : self.stage.height - self.bar] = image
        closing = round(self.bar * (1.03 + 0.02 * sin(moment.time) + 0.05 * self.stage.depth * moment.bar_pulse))
        page[:closing] = self.bars
        page[self.stage.height - closing :] = self.bars
        return page

    def _weave(self, seconds: float) -> tuple[float, float]:
        at = np.array([seconds, seconds + LAPS / WEAVE_HZ / 2.0]) * WEAVE_HZ
        right, down = np.interp(at % LAPS, np.arange(LAPS), self.weave)
        return float(right) * WEAVE, float(down) * WEAVE * 2.0

    def _halation(self, image: Frame) -> Colours:
        """What is brightest shines red into what is beside it; on the small grid of the leak."""
        tiny = cv2.cvtColor(cv2.resize(image, self.small, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        over = cv2.subtract(tiny, np.full(tiny.shape, BRIGHT, np.uint8))
        halo = cv2.GaussianBlur(over, (0, 0), 1.3).astype(np.float32)
        return np.asarray(halo[..., None] * self.warmth, dtype=np.float32)
