"""Duotone: the picture in the palette's inks, under wandering light."""

from __future__ import annotations

import cv2
import numpy as np

from services.generator.builtin.colour import Lab, Table, mix, ramp
from services.generator.builtin.looks.stage import Frame, Moment, Stage
from services.generator.builtin.looks.view import View
from services.generator.builtin.picture import Picture

STEPS = 24
"""Tables made ahead between rest and beat."""
BREATH = 0.045
"""How far the beat moves the ramp's middle; more would flash."""


class Duotone:
    """One channel through a ramp of inks; the ramp's middle moves with the beat."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture)
        dark, low, mid, high, light = stage.inks.by_lightness
        body = (mid, high, low)[stage.variant % 3]
        tints = sorted((mix(dark, body, 0.55), body), key=lambda ink: float(ink[0]))
        self.tables = [_table(dark, tints, high, light, BREATH * step / (STEPS - 1)) for step in range(STEPS)]

    def frame(self, moment: Moment) -> Frame:
        tone = cv2.add(self.view.tone(moment), self.view.light(moment, 13.0), dtype=cv2.CV_8U)
        step = round(self.stage.depth * moment.pulse * (STEPS - 1))
        return np.asarray(cv2.applyColorMap(tone, self.tables[step]), dtype=np.uint8)


def _table(dark: Lab, tints: list[Lab], high: Lab, light: Lab, breath: float) -> Table:
    return ramp(
        [
            (0.0, dark),
            (0.30 - breath, tints[0]),
            (0.56 - breath, tints[1]),
            (0.80 - 0.5 * breath, mix(high, light, 0.3)),
            (1.0, light),
        ]
    )
