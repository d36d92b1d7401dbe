"""Duotone: the picture in the palette's inks, under wandering light."""

from __future__ import annotations

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.grading import body_of, graded, key_of
from services.generator.builtin.picture.view import View

LOOK = LookEntry(
    name="duotone",
    family="photo",
    summary="The picture in the palette's inks, under wandering light.",
    needs=("picture",),
    stand_in="silk",
    mark=4.5,
    energy=(0.0, 0.8),
    sections=("verse", "intro", "outro"),
    texture="photo",
    movement="drift",
    carries_type=True,
)

STEPS = 24
"""Tables made ahead between rest and beat."""
BREATH = 0.045
"""How far the beat moves the ramp's middle; more would flash."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Duotone(stage, stage.theme)


class Duotone:
    """One channel through a ramp of inks; the ramp's middle moves with the beat."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture)
        inks = stage.inks
        key = key_of(inks)
        body = body_of(inks, key)
        self.tables = [graded(inks, key, body, BREATH * step / (STEPS - 1)) for step in range(STEPS)]

    def frame(self, moment: Moment) -> Frame:
        tone = cv2.add(self.view.tone(moment), self.view.light(moment, 13.0), dtype=cv2.CV_8U)
        step = round(self.stage.depth * moment.pulse * (STEPS - 1))
        return np.asarray(cv2.applyColorMap(tone, self.tables[step]), dtype=np.uint8)
