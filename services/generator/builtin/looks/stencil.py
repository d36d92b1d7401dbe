"""Stencil: the picture cut from a few sheets of paper that lie over each other and throw soft shadows."""

from __future__ import annotations

from itertools import pairwise
from math import cos, sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Gray, Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, ramp
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.screen import raised
from services.generator.builtin.picture.framing import Framing
from services.generator.builtin.picture.view import View

LOOK = LookEntry(
    name="stencil",
    family="collage",
    summary="The picture cut from sheets of coloured paper that throw shadows.",
    needs=("picture",),
    stand_in="blobs",
    mark=4.5,
    energy=(0.2, 0.9),
    sections=("verse", "chorus", "bridge"),
    texture="flat",
    movement="beat",
)

SMOOTH = 0.006
"""Parts of the shorter side that details of the cut are rounded to."""
CUTS = (52, 96, 142, 192)
"""Levels of tone at which a new sheet begins."""
LOCAL, EVEN = 1.55, 0.72
"""How much tones differ from their surroundings, and these from the middle: so faces of any skin have features."""
EDGE = 7
"""Levels that the edge of a sheet is soft."""
SWELL = 6.0
"""Levels that the beat moves the cuts by."""
STREWN = 0.8
"""How much of a picture's contrast is in its fine structure if it is of small lights."""
CLOUD = 7.0
"""How far lights that make a cloud are apart, in 128ths of the shorter side."""
CLOUDS = 168.0
"""The tone of the densest cloud: the highest sheet is for the lights themselves."""
SHADOW = 0.011
"""Parts of the shorter side that a sheet lies above the one below it."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Stencil(stage, stage.theme)


class Stencil:
    """Lighter sheets lie higher. A shadow falls where a higher sheet stands in the light's way; the light swings
    and the sheets rise on the beat."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture)
        short = min(stage.width, stage.height)
        self.cut = cut_of(self.view.framing, SMOOTH * short)
        if strewn(self.view.framing.tone):
            self.cut = np.maximum(self.cut, clouds_of(self.view.framing.tone))
        sheets = sheets_of(stage.inks)
        self.table = _steps(sheets)
        self.height = np.clip(
            sum(np.clip((np.arange(256) - cut) / EDGE + 0.5, 0.0, 1.0) for cut in CUTS) * (255.0 / len(CUTS)),
            0,
            255,
        ).astype(np.uint8)
        self.reach = SHADOW * short * (1.5 if stage.finale else 1.0)
        self.side = -1.0 if (stage.variant + stage.visit) % 2 else 1.0
        self.full = (stage.width, stage.height)
        self.shade = np.clip(255.0 - 1.15 * np.arange(256), 150, 255).astype(np.uint8)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        seen = self.view_of(moment)
        height = cv2.LUT(seen, self.height)
        lift = self.reach * (0.8 + 0.5 * stage.depth * moment.pulse)
        turn = 0.7 + 0.35 * sin(0.4 * stage.pace * moment.time)
        aside, along = self.side * lift * cos(turn), lift * sin(turn)
        tiny = cv2.resize(height, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        shift = np.array([[1.0, 0.0, aside / 4.0], [0.0, 1.0, along / 4.0]], np.float32)
        thrown = cv2.warpAffine(tiny, shift, (tiny.shape[1], tiny.shape[0]), borderMode=cv2.BORDER_REPLICATE)
        soft = cv2.GaussianBlur(thrown, (0, 0), max(0.6, 0.16 * lift))
        above = cv2.subtract(cv2.resize(soft, self.full, interpolation=cv2.INTER_LINEAR), height)
        shade = cv2.LUT(above, self.shade)
        sheets = cv2.applyColorMap(seen, self.table)
        return np.asarray(cv2.multiply(sheets, cv2.merge([shade, shade, shade]), scale=1.0 / 255.0), dtype=np.uint8)

    def view_of(self, moment: Moment) -> Gray:
        """The smooth tones in the frame, under wandering light that moves the cuts."""
        seen = self.view.soft(self.cut, moment, 9.0)
        risen = cv2.convertScaleAbs(seen, alpha=1.0, beta=SWELL * self.stage.depth * moment.pulse)
        return np.asarray(risen, dtype=np.uint8)


def sheets_of(inks: Inks) -> list[Lab]:
    """The sheets from the lowest, darkest one."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return [dark, mix(dark, low, 0.9), mix(low, mid, 0.6), mid, high]
        case "paper":
            return [mix(dark, mid, 0.35), mid, high, mix(high, light, 0.7), light]
        case "colour":
            return [
                mix(dark, low, 0.3),
                mix(low, mid, 0.6),
                inks.ground,
                mix(inks.ground, light, 0.2),
                mix(inks.ground, light, 0.7),
            ]


def cut_of(framing: Framing, radius: float) -> Gray:
    """The tones with their small forms gone and their large edges kept."""
    scale = min(1.0, 720.0 / max(framing.tone.shape))
    small = cv2.resize(framing.tone, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = raised(small, LOCAL, EVEN)
    for _ in range(2):
        small = cv2.bilateralFilter(small, 7, 34, 4)
    size = 2 * max(1, round(radius * scale * 0.7)) + 1
    small = cv2.medianBlur(small, min(size, 11))
    full = cv2.resize(small, (framing.tone.shape[1], framing.tone.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(full, (0, 0), max(1.0, 0.42 * radius)), dtype=np.uint8)


def strewn(tone: Gray) -> bool:
    """Whether a picture is nothing but small lights in the dark, as a sky of stars or a town by night is."""
    small = cv2.resize(tone, (192, 192), interpolation=cv2.INTER_AREA).astype(np.float32)
    fine = small - cv2.GaussianBlur(small, (0, 0), 4.0)
    return float(fine.std()) > STREWN * float(small.std()) and float(np.median(small)) < float(small.mean())


def clouds_of(tone: Gray) -> Gray:
    """Where the lights are dense, as soft hills of tone: sheets of them have shapes, single lights have none."""
    scale = 128.0 / min(tone.shape)
    small = cv2.resize(tone, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    soft = cv2.GaussianBlur(small, (0, 0), CLOUD)
    low, high = (float(value) for value in np.percentile(soft, (4.0, 97.0)))
    level = np.clip((soft - low) / max(high - low, 1.0), 0.0, 1.0) * np.float32(CLOUDS)
    return np.asarray(
        cv2.resize(level, (tone.shape[1], tone.shape[0]), interpolation=cv2.INTER_CUBIC), dtype=np.uint8
    )


def _steps(sheets: list[Lab]) -> np.ndarray:
    stops = [(0.0, sheets[0])]
    for cut, (before, after) in zip(CUTS, pairwise(sheets), strict=True):
        stops += [((cut - EDGE / 2) / 255.0, before), ((cut + EDGE / 2) / 255.0, after)]
    return ramp([*stops, (1.0, sheets[-1])])
