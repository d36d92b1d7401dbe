"""Faces, by the cascade that comes with OpenCV: they say where a portrait's subject is and where a crop may aim."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import cv2.data
import numpy as np

from libs.picture.load import Gray, Image

SEARCH_SIDE = 440
"""Pixels of the longer side that are searched."""
SMALLEST = 0.065
"""Of the shorter side; smaller faces say nothing about the subject."""
SURE = 4.5
"""The cascade's weights of a face, summed over three ways to spread the light; chance finds stay below."""
PERHAPS = 1.0
"""Below this sum it is nothing."""
SAME = 0.5
"""Of its side: finds whose middles are nearer are one face."""


class Face(NamedTuple):
    """The square around a face, in parts of the picture's width and height, and the cascade's summed weight."""

    left: float
    top: float
    right: float
    bottom: float
    weight: float

    @property
    def sure(self) -> bool:
        """False for what may be a face and may be chance."""
        return self.weight >= SURE


@cache
def _cascade() -> cv2.CascadeClassifier | None:
    """None where OpenCV was built without its data."""
    path = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
    found = cv2.CascadeClassifier(str(path)) if path.is_file() else None
    return None if found is None or found.empty() else found


def find_faces(pixels: Image) -> tuple[Face, ...]:
    """Frontal faces, also those that may be chance, the largest first."""
    cascade = _cascade()
    if cascade is None:
        return ()
    scale = min(1.5, SEARCH_SIDE / max(pixels.shape[:2]))
    way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=way)
    tone = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    even = np.asarray(cv2.equalizeHist(tone), dtype=np.uint8)
    local = np.asarray(cv2.createCLAHE(3.0, (4, 4)).apply(tone), dtype=np.uint8)
    seen: list[tuple[int, int, int, float]] = []
    for light in (even, tone, local):
        seen = _joined(seen, _seen(cascade, light))
    rows, columns = tone.shape
    seen = _apart(seen)
    faces = [
        Face(x / columns, y / rows, (x + side) / columns, (y + side) / rows, weight)
        for x, y, side, weight in seen
        if weight >= PERHAPS
    ]
    return tuple(sorted(faces, key=lambda face: (face.left - face.right, face.left, face.top)))


def _apart(seen: list[tuple[int, int, int, float]]) -> list[tuple[int, int, int, float]]:
    """Without the finds that overlap a stronger one: heads stand beside each other."""
    kept: list[tuple[int, int, int, float]] = []
    for find in sorted(seen, key=lambda find: (-find[3], find)):
        x, y, side, _ = find
        if all(
            max(abs(x + side / 2 - left - wide / 2), abs(y + side / 2 - top - wide / 2)) > 0.5 * (side + wide)
            for left, top, wide, _ in kept
        ):
            kept.append(find)
    return kept


def _seen(cascade: cv2.CascadeClassifier, tone: Gray) -> list[tuple[int, int, int, float]]:
    """Left, top, side and weight of each find, in pixels."""
    side = max(20, round(SMALLEST * min(tone.shape)))
    boxes, _, weights = cascade.detectMultiScale3(tone, 1.12, 3, minSize=(side, side), outputRejectLevels=True)
    found = zip(boxes, np.ravel(weights), strict=True)
    return [(int(box[0]), int(box[1]), int(box[2]), max(float(weight), 0.0)) for box, weight in found]


def _joined(
    before: list[tuple[int, int, int, float]], new: list[tuple[int, int, int, float]]
) -> list[tuple[int, int, int, float]]:
    """The finds of both, those of one place as one with the sum of their weights."""
    out = list(before)
    for x, y, side, weight in new:
        for index, (left, top, wide, sum_so_far) in enumerate(before):
            apart = max(abs(x + side / 2 - left - wide / 2), abs(y + side / 2 - top - wide / 2))
            if apart < SAME * min(side, wide) and max(side, wide) < 2 * min(side, wide):
                out[index] = (left, top, wide, sum_so_far + weight)
                break
        else:
            out.append((x, y, side, weight))
    return out
