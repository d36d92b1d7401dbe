"""Halftone: the picture as dots of one ink on paper."""

from __future__ import annotations

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import ramp
from services.generator.builtin.paint.grading import inked, key_of
from services.generator.builtin.paint.screen import dot_screen, raised
from services.generator.builtin.picture.view import View

LOOK = LookEntry(
    name="halftone",
    family="press",
    summary="The picture as dots of one ink.",
    needs=("picture",),
    stand_in="tiles",
    mark=4.5,
    energy=(0.3, 1.0),
    sections=("verse", "bridge"),
    texture="dots",
    movement="beat",
)

PITCH = 11.0
"""Pixels from dot to dot at 720."""
ANGLES = (45.0, 30.0, 60.0)
HARDNESS = 2.5
LOCAL, EVEN = 1.45, 0.88
"""How much tones differ from their surroundings, and these from the middle."""
FINEST = 9.0
SOFT = 0.17
"""Parts of the pitch that the picture is blurred by before it is screened: finer detail only frays the dots."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Halftone(stage, stage.theme)


class Halftone:
    """The screen stays, the picture moves below it; the dots swell a little on the beat."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture, screened=True)
        pitch = self.view.pitch(PITCH, FINEST)
        soft = SOFT * pitch * self.view.framing.scale
        self.tone = cv2.GaussianBlur(raised(self.view.framing.tone, LOCAL, EVEN), (0, 0), soft)
        self.screen = dot_screen(stage.width, stage.height, pitch, ANGLES[stage.variant % 3])
        ink, paper = inked(stage.inks, key_of(stage.inks))
        self.table = ramp([(0.0, ink), (1.0, paper)])

    def frame(self, moment: Moment) -> Frame:
        soft = self.view.soft(self.tone, moment, 8.0)
        middle = 134.0 - 26.0 * self.stage.depth * moment.pulse
        dots = cv2.addWeighted(soft, HARDNESS, self.screen, -HARDNESS, middle)
        return np.asarray(cv2.applyColorMap(dots, self.table), dtype=np.uint8)
