"""Logos and other flat art, cut out. They are read only where all of their inks stand off the ground."""

from __future__ import annotations

import cv2
import numpy as np

from services.generator.builtin.cutout.cut import INSIDE, Cut
from services.generator.builtin.paint.colour import Inks, Table, mix, ramp
from services.generator.builtin.paint.grading import Key

NEAR = 7
"""Pixels across of what is looked at together."""
PLAIN = 8
"""Levels by which neighbouring pixels of one flat colour differ at most."""
FLAT = 0.84
"""How much of a logo's inside is such."""


def is_logo(cut: Cut) -> bool:
    """Whether the cut is of flat colours, as no photograph is."""
    near = np.ones((NEAR, NEAR), np.uint8)
    core = cv2.erode(cut.mask, near) >= INSIDE
    gray = cv2.GaussianBlur(cv2.cvtColor(cut.colour, cv2.COLOR_BGR2GRAY), (0, 0), 0.8)
    span = cv2.subtract(cv2.dilate(gray, near), cv2.erode(gray, near))
    return bool(core.any()) and float((span[core] <= PLAIN).mean()) > FLAT


def logo_table(inks: Inks, key: Key) -> Table:
    """The table of a logo: from its darkest part to its lightest one all is clearly lighter than a night, darker
    than paper, and on the farther side of a colour."""
    dark, low, mid, high, light = inks.by_lightness
    if key == "paper" or (key == "colour" and float(inks.ground[0]) >= 0.62):
        last = low if key == "paper" else mix(dark, low, 0.5)
        return ramp([(0.0, dark), (1.0, mix(last, mid, 0.35 if key == "paper" else 0.0))])
    return ramp([(0.0, mix(high, light, 0.45 if key == "night" else 0.7)), (1.0, light)])
