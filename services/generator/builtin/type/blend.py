"""Ink on a frame: a mask in one colour, blended only where it lies."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from cv2.typing import MatLike

from services.generator.builtin.looks.stage import Frame
from services.generator.builtin.paint.colour import Bgr
from services.generator.builtin.type.raster import Alpha, Mask

Stamp: TypeAlias = tuple[MatLike, MatLike]
"""What is left of the ground, and the ink that is added to it."""

_SUBPIXEL = 1 / 16
_LEVELS = np.arange(256, dtype=np.float64)


def lay(frame: Frame, alpha: Alpha, at: tuple[float, float], colour: Bgr, opacity: float = 1.0) -> None:
    """Blend `colour` into the frame where the mask is, its upper left corner `at` (x, y); what lies outside is cut.

    A place between pixels is kept, so that slow drifts don't tick.
    """
    if opacity <= 0.0:
        return
    x, y = at
    left, top = int(np.floor(x)), int(np.floor(y))
    if x - left > _SUBPIXEL or y - top > _SUBPIXEL:
        alpha = _shifted(alpha, x - left, y - top)
    mix_in(frame, stamp(alpha, colour, min(opacity, 1.0)), (left, top))


@lru_cache(maxsize=32)
def _kept_stamp(mask: Mask, colour: Bgr, opacity: float) -> Stamp:
    return stamp(mask.alpha, colour, opacity)


def lay_still(frame: Frame, mask: Mask, at: tuple[int, int], colour: Bgr, opacity: float = 1.0) -> None:
    """The same for a mask that stays as it is for many frames: what can be is computed once."""
    mix_in(frame, _kept_stamp(mask, colour, opacity), at)


def stamp(alpha: Alpha, colour: Bgr, opacity: float) -> Stamp:
    """A mask in a colour, ready to be laid on frames."""
    weight = _LEVELS * opacity
    kept = cv2.cvtColor(cv2.LUT(alpha, np.rint(255.0 - weight).astype(np.uint8)), cv2.COLOR_GRAY2BGR)
    inked = np.rint(weight[:, None, None] * np.array(colour) / 255.0).astype(np.uint8)
    return kept, cv2.applyColorMap(alpha, inked)


def mix_in(frame: Frame, ready: Stamp, at: tuple[int, int]) -> None:
    """Lay a stamp on the frame, its upper left corner `at`; what lies outside is cut."""
    kept, inked = ready
    left, top = at
    height, width = frame.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + kept.shape[1], width), min(top + kept.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    under, part = frame[y0:y1, x0:x1], (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    cv2.multiply(under, kept[part], dst=under, scale=1.0 / 255.0)
    cv2.add(under, inked[part], dst=under)


def _shifted(alpha: Alpha, right: float, down: float) -> Alpha:
    """The mask moved by less than a pixel, a pixel larger on each side."""
    matrix = np.array([[1.0, 0.0, right], [0.0, 1.0, down]], np.float32)
    size = (alpha.shape[1] + 1, alpha.shape[0] + 1)
    return np.asarray(cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)
