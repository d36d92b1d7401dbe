"""Plain shapes drawn with smooth edges at parts of a pixel, and soft light around them."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from services.generator.builtin.paint.colour import Bgr

Points: TypeAlias = npt.NDArray[np.float64]
"""N x 2, pixels: x to the right, y down."""
Image: TypeAlias = npt.NDArray[np.uint8]
"""Height x width (x 3), drawn on in place."""

SUBPIXEL = 4
"""Bits of a pixel's fraction in OpenCV's drawing calls."""
_FAR = 30000.0
"""OpenCV's fixed point numbers reach little farther."""


def blank(width: int, height: int, colour: Bgr) -> Image:
    """A picture of one colour. NumPy would take 20 times as long to spread three channels."""
    image = np.empty((height, width, 3), np.uint8)
    cv2.rectangle(image, (0, 0), (width, height), colour, cv2.FILLED)
    return image


def fixed(points: Points) -> npt.NDArray[np.int32]:
    """The points as OpenCV takes them with `SUBPIXEL` bits of fraction."""
    return np.asarray(np.rint(np.clip(points, -_FAR, _FAR) * (1 << SUBPIXEL)), dtype=np.int32)


def fill(image: Image, points: Points, colour: Bgr | int) -> None:
    """Fill the polygon."""
    cv2.fillPoly(image, [fixed(points)], colour, cv2.LINE_AA, SUBPIXEL)


def stroke(image: Image, points: Points, colour: Bgr | int, width: float, *, closed: bool = False) -> None:
    """Draw the line through the points, `width` pixels wide."""
    thick = max(1, round(width))
    cv2.polylines(image, [fixed(points)], closed, colour, thick, cv2.LINE_AA, SUBPIXEL)


def disc(image: Image, x: float, y: float, radius: float, colour: Bgr | int) -> None:
    """Fill the circle."""
    if radius <= 0.0 or max(abs(x), abs(y)) > _FAR:
        return
    at = (round(x * (1 << SUBPIXEL)), round(y * (1 << SUBPIXEL)))
    cv2.circle(image, at, round(radius * (1 << SUBPIXEL)), colour, -1, cv2.LINE_AA, SUBPIXEL)


def closed_below(crest: Points, floor: float) -> Points:
    """A crest from the left to the right as the outline of all that lies under it, down to y = `floor`."""
    return np.concatenate([crest, [[crest[-1, 0], floor], [crest[0, 0], floor]]])
