"""Riso: two inks printed over each other in two screens; the plates slip a little on each bar."""

from __future__ import annotations

from math import cos, sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Gray, Picture
from libs.picture.oklab import oklab_of_pixels
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, ramp
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.screen import dot_screen, raised
from services.generator.builtin.picture.framing import Framing
from services.generator.builtin.picture.view import View

LOOK = LookEntry(
    name="riso",
    family="press",
    summary="The picture printed in two inks that don't quite meet.",
    needs=("picture",),
    stand_in="tiles",
    mark=4.5,
    energy=(0.2, 0.8),
    sections=("verse", "pre-chorus", "bridge"),
    texture="dots",
    movement="bar",
)

PITCH = 10.0
ANGLES = (75.0, 15.0)
HARDNESS = (2.0, 2.5)
"""Of the colour's plate and of the shade's."""
LOCAL, EVEN = 1.35, 0.92
"""How much tones differ from their surroundings, and these from the middle."""
FINEST = 8.5
SOFT = 0.17
"""Parts of the pitch that the plates are blurred by before they are screened."""
SLIP = 0.0045
"""Parts of the shorter side that the plates slip apart."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Riso(stage, stage.theme)


class Riso:
    """The first plate carries colour, the second shade. Their screens stay, the picture moves below them."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture, screened=True)
        first, second, paper = inks_of(stage.inks)
        if stage.visit % 2:
            first, second = second, first
        pitch = self.view.pitch(PITCH, FINEST)
        self.plates = plates_of(self.view.framing, SOFT * pitch)
        angles = ANGLES if stage.variant % 2 == 0 else (45.0, 105.0)
        self.screens = [dot_screen(stage.width, stage.height, pitch, angle) for angle in angles]
        white = np.array([1.0, 0.0, 0.0])
        self.tables = [ramp([(0.0, first), (1.0, paper)]), ramp([(0.0, second), (1.0, white)])]
        self.way = 2.0 * np.pi * float(stage.random().uniform())

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        slip = SLIP * min(stage.width, stage.height) * (1.0 + stage.depth) * (1.7 if stage.finale else 1.0)
        turn = self.way + 2.4 * moment.bar_step
        apart = (round(slip * cos(turn)), round(slip * sin(turn)))
        printed = []
        for index, (plate, screen) in enumerate(zip(self.plates, self.screens, strict=True)):
            seen = self.view.soft(plate, moment, 10.0)
            middle = 132.0 - 22.0 * stage.depth * (moment.pulse if index else moment.bar_pulse)
            hard = HARDNESS[index]
            level = cv2.addWeighted(shifted(seen, *apart) if index == 0 else seen, hard, screen, -hard, middle)
            printed.append(cv2.applyColorMap(level, self.tables[index]))
        return np.asarray(cv2.multiply(printed[0], printed[1], scale=1.0 / 255.0), dtype=np.uint8)


def shifted(image: Gray, right: int, down: int) -> Gray:
    """The image moved by whole pixels; its edges go on. The screen hides the steps."""
    height, width = image.shape
    wide = cv2.copyMakeBorder(
        image, max(down, 0), max(-down, 0), max(right, 0), max(-right, 0), cv2.BORDER_REPLICATE
    )
    top, left = max(-down, 0), max(-right, 0)
    return np.ascontiguousarray(wide[top : top + height, left : left + width])


def inks_of(inks: Inks) -> tuple[Lab, Lab, Lab]:
    """The ink of the colour, of the shade, and the paper."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return mix(low, mid, 0.6), mix(dark, low, 0.15), mix(high, light, 0.08)
        case "paper":
            return high, mix(dark, mid, 0.75), light
        case "colour":
            return inks.ground, mix(dark, mid, 0.25), light


def plates_of(framing: Framing, blur: float) -> tuple[Gray, Gray]:
    """What each ink leaves free, 0 to 255, blurred by so many pixels of the frame.

    The first prints where there is colour and half of the shade.
    """
    small = cv2.resize(framing.source, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    lab = oklab_of_pixels(np.asarray(small, dtype=np.uint8))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    middle = np.average(lab[..., 1:].reshape(-1, 2), axis=0, weights=chroma.ravel() ** 2 + 1e-6)
    toward = middle / max(float(np.hypot(*middle)), 1e-4)
    own = lab[..., 1] * toward[0] + lab[..., 2] * toward[1]
    top = max(float(np.percentile(own, 97.0)), 0.03)
    colour = cv2.resize(
        np.clip(own / top, 0.0, 1.0).astype(np.float32),
        (framing.tone.shape[1], framing.tone.shape[0]),
        interpolation=cv2.INTER_CUBIC,
    )
    grey = float(chroma.mean()) < 0.015
    tone = cv2.bilateralFilter(raised(framing.tone, LOCAL, EVEN), 7, 24, 5).astype(np.float32) / 255.0
    colour = np.clip(1.15 - 1.5 * np.abs(tone - 0.45), 0.0, 1.0) if grey else colour
    first = 1.0 - np.clip(0.86 * colour + 0.55 * np.clip(0.62 - tone, 0.0, 1.0), 0.0, 1.0)
    second = np.clip((tone - 0.02) / 0.70, 0.0, 1.0) ** 0.85
    soft = blur * framing.scale
    whole = [np.rint(255.0 * plate).astype(np.uint8) for plate in (first, second)]
    colour_plate, shade_plate = (cv2.GaussianBlur(plate, (0, 0), soft) for plate in whole)
    return np.asarray(colour_plate, dtype=np.uint8), np.asarray(shade_plate, dtype=np.uint8)
