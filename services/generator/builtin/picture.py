"""The theme picture framed for a shot."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike

from libs.picture.load import Gray, Picture

__all__ = ["FOCUS", "Framing", "Gray", "Picture", "framed"]

FOCUS = (0.5, 0.32)
"""Where a crop aims, in parts of the picture: faces and subjects sit above the middle."""


@dataclass(frozen=True)
class Framing:
    """A picture cut for a shot: what is seen at rest, with room around it for the camera.

    `tone` is its lightness, spread over 0..255. The frame's middle lies at `centre`; one frame pixel is
    `scale` pixels of it.
    """

    tone: Gray
    centre: tuple[float, float]
    scale: float


def framed(
    picture: Picture, width: int, height: int, closeness: float, focus: tuple[float, float] = FOCUS
) -> Framing:
    """The picture framed to fill width x height, `closeness` times nearer than needed (1 and up).

    focus: where the view aims, in parts of the picture, as far as the frame stays filled.

    Small pictures are brought up smoothly, cleaned and sharpened, so that they don't show their pixels.
    """
    source: MatLike = picture.pixels
    rows, columns = source.shape[:2]
    fill = max(width / columns, height / rows) * closeness
    work = min(fill * 1.1, 3000.0 / max(rows, columns))
    if work > 1.25:
        clean = cv2.bilateralFilter(source, 5, 18, 3)
        source = cv2.resize(clean, None, fx=work, fy=work, interpolation=cv2.INTER_CUBIC)
        soft = cv2.GaussianBlur(source, (0, 0), 1.2 * work)
        source = cv2.addWeighted(source, 1.5, soft, -0.5, 0)
    elif work < 1.0:
        source = cv2.resize(source, None, fx=work, fy=work, interpolation=cv2.INTER_AREA)
    tone = _spread(cv2.cvtColor(source, cv2.COLOR_BGR2GRAY))
    scale = source.shape[1] / (columns * fill)
    half_x, half_y = width * scale / 2.0, height * scale / 2.0
    x = min(max(focus[0] * source.shape[1], half_x), source.shape[1] - half_x)
    y = min(max(focus[1] * source.shape[0], half_y), source.shape[0] - half_y)
    return Framing(tone=tone, centre=(x, y), scale=scale)


def _spread(tone: MatLike) -> Gray:
    """Lightness stretched between its 1st and 99th percentile, with a gentle S-curve and local contrast."""
    low, high = (float(value) for value in np.percentile(tone, (1.0, 99.0)))
    at = np.clip((np.arange(256) - low) / max(high - low, 24.0), 0.0, 1.0)
    curve = (0.75 * at + 0.25 * at * at * (3.0 - 2.0 * at)) * 255.0
    stretched = cv2.LUT(tone, np.rint(curve).astype(np.uint8))
    local = cv2.createCLAHE(clipLimit=1.3, tileGridSize=(6, 6)).apply(stretched)
    return np.asarray(local, dtype=np.uint8)
