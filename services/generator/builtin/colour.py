"""Colour: a palette's inks in OKLab, and tables that turn one channel into a picture.

OKLab after Björn Ottosson, "A perceptual color space for image processing" (2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from libs.contracts.storyboard import Palette

Lab: TypeAlias = npt.NDArray[np.float64]
"""L, a, b."""
Table: TypeAlias = npt.NDArray[np.uint8]
"""256 x 1 x 3, BGR, for `cv2.applyColorMap`."""
Bgr: TypeAlias = tuple[int, int, int]

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_LMS = np.linalg.inv(_TO_LMS)
_FROM_LAB = np.linalg.inv(_TO_LAB)


def oklab_of(colour: str) -> Lab:
    """OKLab of a colour given as #rrggbb."""
    value = int(colour.removeprefix("#"), 16)
    rgb = np.array([value >> 16 & 255, value >> 8 & 255, value & 255]) / 255.0
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(_TO_LAB @ np.cbrt(_TO_LMS @ linear), dtype=np.float64)


def bgr_of(lab: Lab) -> npt.NDArray[np.uint8]:
    """8-bit BGR of OKLab colours, shape (..., 3); what lies outside sRGB is clipped."""
    linear = np.clip((lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T, 0.0, 1.0)
    rgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(rgb[..., ::-1] * 255.0), dtype=np.uint8)


def solid(lab: Lab) -> Bgr:
    """One colour as OpenCV's drawing calls take it."""
    blue, green, red = (int(channel) for channel in bgr_of(lab))
    return blue, green, red


def mix(first: Lab, second: Lab, share: float) -> Lab:
    """The colour `share` (0..1) of the way from the first to the second."""
    return first + (second - first) * share


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
