"""Colour: a palette's inks in OKLab, and tables that turn one channel into a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from libs.contracts.storyboard import Palette
from libs.picture.oklab import Lab, bgr_of, mix, oklab_of

__all__ = ["Bgr", "Inks", "Lab", "Table", "bgr_of", "even_ramp", "mix", "oklab_of", "ramp", "solid"]

Table: TypeAlias = npt.NDArray[np.uint8]
"""256 x 1 x 3, BGR, for `cv2.applyColorMap`."""
Bgr: TypeAlias = tuple[int, int, int]


def solid(lab: Lab) -> Bgr:
    """One colour as OpenCV's drawing calls take it."""
    blue, green, red = (int(channel) for channel in bgr_of(lab))
    return blue, green, red


@dataclass(frozen=True)
class Inks:
    """The palette's five roles in OKLab."""

    ground: Lab
    low: Lab
    mid: Lab
    accent: Lab
    light: Lab

    @classmethod
    def of(cls, palette: Palette) -> Inks:
        """The inks of a storyboard's palette."""
        roles = (palette.ground, palette.low, palette.mid, palette.accent, palette.light)
        return cls(*(oklab_of(role) for role in roles))

    @property
    def row(self) -> tuple[Lab, Lab, Lab, Lab, Lab]:
        """From the ground to the light."""
        return self.ground, self.low, self.mid, self.accent, self.light

    @property
    def by_lightness(self) -> list[Lab]:
        """From the darkest to the lightest."""
        return sorted(self.row, key=lambda ink: float(ink[0]))


def ramp(stops: Sequence[tuple[float, Lab]]) -> Table:
    """A table of 256 colours through the stops (place 0..1, colour), interpolated in OKLab."""
    places = [place for place, _ in stops]
    colours = np.array([colour for _, colour in stops])
    at = np.linspace(0.0, 1.0, 256)
    lab = np.stack([np.interp(at, places, colours[:, axis]) for axis in range(3)], axis=-1)
    return bgr_of(lab).reshape(256, 1, 3)


def even_ramp(colours: Sequence[Lab]) -> Table:
    """A table through the colours at equal distances."""
    return ramp([(index / (len(colours) - 1), colour) for index, colour in enumerate(colours)])
