"""Ink on a frame: a mask in one colour, blended only where it lies."""

from __future__ import annotations

import cv2
import numpy as np

from services.generator.builtin.colour import Bgr
from services.generator.builtin.looks.stage import Frame
from services.generator.builtin.type.raster import Alpha

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
    height, width = frame.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + alpha.shape[1], width), min(top + alpha.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    part = np.ascontiguousarray(alpha[y0 - top : y1 - top, x0 - left : x1 - left])
    weight = _LEVELS * min(opacity, 1.0)
    kept = cv2.cvtColor(cv2.LUT(part, np.rint(255.0 - weight).astype(np.uint8)), cv2.COLOR_GRAY2BGR)
    inked = np.rint(weight[:, None, None] * np.array(colour) / 255.0).astype(np.uint8)
    under = frame[y0:y1, x0:x1]
    cv2.multiply(under, kept, dst=under, scale=1.0 / 255.0)
    cv2.add(under, cv2.applyColorMap(part, inked), dst=under)


def _shifted(alpha: Alpha, right: float, down: float) -> Alpha:
    """The mask moved by less than a pixel, a pixel larger on each side."""
    matrix = np.array([[1.0, 0.0, right], [0.0, 1.0, down]], np.float32)
    size = (alpha.shape[1] + 1, alpha.shape[0] + 1)
    return np.asarray(cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)
