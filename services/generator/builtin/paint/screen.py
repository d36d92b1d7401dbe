"""What print does to tones: screens of dots, and contrast where eyes look for it."""

from __future__ import annotations

from math import cos, pi, radians, sin

import cv2
import numpy as np
from cv2.typing import MatLike

from libs.picture.load import Gray

REACH = 0.07
"""Parts of the shorter side that count as around a place."""


def dot_screen(width: int, height: int, pitch: float, degrees: float) -> Gray:
    """A screen of thresholds that turn tones into dots, `pitch` pixels apart, turned by `degrees`. Each level
    covers the same area."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    across, up = (
        np.float32(cos(radians(degrees)) * 2.0 * pi / pitch),
        np.float32(sin(radians(degrees)) * 2.0 * pi / pitch),
    )
    wave = np.cos(columns * across + rows * up) + np.cos(rows * across - columns * up)
    edges = np.quantile(wave[:: max(1, height // 256), :: max(1, width // 256)], np.linspace(0.0, 1.0, 257)[1:-1])
    table = np.searchsorted(edges, np.linspace(-2.0, 2.0, 4096))
    ranked = table[np.clip((wave + 2.0) * (4095.0 / 4.0), 0, 4095).astype(np.int32)]
    return np.asarray(18.0 + ranked * (216.0 / 255.0), dtype=np.uint8)


def raised(tone: MatLike, local: float, even: float) -> Gray:
    """Tones with `local` times their difference from what is around them, and `even` times its difference from
    the middle: a face keeps its features whatever its skin, where a few levels have to do."""
    rows, columns = tone.shape[:2]
    scale = min(1.0, 96.0 / min(rows, columns))
    small = cv2.resize(tone, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    around = cv2.GaussianBlur(small, (0, 0), REACH * min(small.shape[:2]))
    wide = cv2.resize(around, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.addWeighted(tone, local, wide, even - local, 128.0 * (1.0 - even)), dtype=np.uint8)
