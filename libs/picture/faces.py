"""Faces, by the cascade that comes with OpenCV: they say where a portrait's subject is and where a crop may aim."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from libs.picture.load import Image

SEARCH_SIDE = 480
"""Pixels of the longer side that are searched."""
SMALLEST = 0.07
"""Of the shorter side; smaller faces say nothing about the subject."""
SURE = 2.5
"""The cascade's own weight of a face; chance finds stay below."""


class Face(NamedTuple):
    """The square around a face, in parts of the picture's width and height."""

    left: float
    top: float
    right: float
    bottom: float


@cache
def _cascade() -> cv2.CascadeClassifier | None:
    """None where OpenCV was built without its data."""
    path = Path(getattr(cv2, "data").haarcascades) / "haarcascade_frontalface_default.xml"  # noqa: B009
    found = cv2.CascadeClassifier(str(path)) if path.is_file() else None
    return None if found is None or found.empty() else found


def find_faces(pixels: Image) -> tuple[Face, ...]:
    """Frontal faces of which the cascade is sure, the largest first."""
    cascade = _cascade()
    if cascade is None:
        return ()
    height, width = pixels.shape[:2]
    scale = min(1.5, SEARCH_SIDE / max(height, width))
    way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=way)
    tone = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
    side = max(20, round(SMALLEST * min(tone.shape)))
    boxes, _, weights = cascade.detectMultiScale3(tone, 1.12, 4, minSize=(side, side), outputRejectLevels=True)
    rows, columns = tone.shape
    sure = [box for box, weight in zip(boxes, np.ravel(weights), strict=True) if weight >= SURE]
    sure.sort(key=lambda box: (-int(box[2]), int(box[0]), int(box[1])))
    return tuple(
        Face(x / columns, y / rows, (x + w) / columns, (y + h) / rows)
        for x, y, w, h in (map(int, box) for box in sure)
    )
