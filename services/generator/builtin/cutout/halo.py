"""A halo: the subject's own outline, once or more behind it, each time wider. It grows on the beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from services.generator.builtin.cutout.cut import widened
from services.generator.builtin.cutout.standing import Figure, Sway, aired, touched, warped
from services.generator.builtin.looks.stage import Frame, Moment, Stage
from services.generator.builtin.paint.colour import Lab, solid
from services.generator.builtin.type.blend import lay

COARSE = 2
"""Pixels of the figure for one of the halo's: its edge is smooth anyway."""
WIDTH = 20.0
"""Pixels at 720 between one outline and the next."""
GROWS = 0.018
"""Parts of its size that the widest one grows on the beat."""


class Halo:
    """Outlines in the inks given, the innermost first."""

    def __init__(self, figure: Figure, inks: Sequence[Lab], stage: Stage) -> None:
        self.stage, self.figure, self.inks = stage, figure, [solid(ink) for ink in inks]
        small = cv2.resize(figure.cut.mask, None, fx=1.0 / COARSE, fy=1.0 / COARSE, interpolation=cv2.INTER_AREA)
        step = WIDTH * stage.unit / COARSE
        self.air = int(step * (len(self.inks) + 0.5)) + 4
        mask = np.asarray(small, dtype=np.uint8)
        self.masks = [
            widened(mask, step * (turn + 1), self.air, 3.0 * stage.unit) for turn in range(len(self.inks))
        ]

    def draw(self, frame: Frame, sway: Sway, moment: Moment) -> None:
        """Draw the outlines where the figure stands, the widest first."""
        count = len(self.inks)
        for turn in range(count - 1, -1, -1):
            swell = GROWS * (turn + 1) / count * self.stage.depth * max(moment.pulse, moment.bar_pulse)
            at = self.figure.at(replace(sway, scale=sway.scale * (1.0 + swell)))
            place = aired(at @ np.diag((COARSE, COARSE, 1.0)), self.air)
            box = touched(self.masks[turn], place, frame)
            if box is not None:
                lay(frame, warped(self.masks[turn], place, box), (box[0], box[1]), self.inks[turn])
