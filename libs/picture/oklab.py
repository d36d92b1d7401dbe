"""OKLab: colours in which equal steps look equal. Pure.

After Björn Ottosson, "A perceptual color space for image processing" (2020).
"""

from __future__ import annotations

from math import cos, radians, sin
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Lab: TypeAlias = npt.NDArray[np.float64]
"""L, a, b."""

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


def _linear(coded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


_LINEAR = _linear(np.arange(256) / 255.0).astype(np.float32)


def oklab_of(colour: str) -> Lab:
    """OKLab of a colour given as #rrggbb."""
    value = int(colour.removeprefix("#"), 16)
    rgb = np.array([value >> 16 & 255, value >> 8 & 255, value & 255]) / 255.0
    return np.asarray(_TO_LAB @ np.cbrt(_TO_LMS @ _linear(rgb)), dtype=np.float64)


def oklab_of_pixels(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """OKLab of 8-bit BGR pixels, shape (..., 3)."""
    lms = _LINEAR[pixels[..., ::-1]] @ _TO_LMS.T.astype(np.float32)
    return np.asarray(np.cbrt(lms) @ _TO_LAB.T.astype(np.float32), dtype=np.float32)


def bgr_of(lab: Lab) -> npt.NDArray[np.uint8]:
    """8-bit BGR of OKLab colours, shape (..., 3); what lies outside sRGB is clipped."""
    linear = np.clip(_linear_rgb(lab), 0.0, 1.0)
    rgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(rgb[..., ::-1] * 255.0), dtype=np.uint8)


def hex_of(lab: Lab) -> str:
    """One colour as #rrggbb; clipped to sRGB."""
    blue, green, red = bgr_of(lab)
    return f"#{red:02x}{green:02x}{blue:02x}"


def mix(first: Lab, second: Lab, share: float) -> Lab:
    """The colour `share` (0..1) of the way from the first to the second."""
    return first + (second - first) * share


def from_lch(lightness: float, chroma: float, hue: float) -> Lab:
    """The colour of a lightness 0..1, a chroma and a hue in degrees."""
    angle = radians(hue)
    return np.array([lightness, chroma * cos(angle), chroma * sin(angle)])


def toned_down(lab: Lab) -> Lab:
    """One colour with its chroma lowered until it exists in sRGB; lightness and hue stay."""
    shown = np.array(lab, dtype=np.float64)
    while not _exists(shown) and float(np.hypot(shown[1], shown[2])) >= 1e-4:
        shown[1:] *= 0.95
    return shown


def _exists(lab: Lab) -> bool:
    linear = _linear_rgb(lab)
    return bool(np.all((linear >= -1e-4) & (linear <= 1.0001)))


def _linear_rgb(lab: Lab) -> npt.NDArray[np.float64]:
    return np.asarray((lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T, dtype=np.float64)
