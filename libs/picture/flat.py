"""Flat art, such as a logo on a plain ground: its ground is keyed out, so that every letter stays."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from libs.picture.load import Gray, Image
from libs.picture.oklab import oklab_of_pixels

SIDE = 320
FEW, MOST = 8, 0.88
"""Flat art shows at most FEW colours on MOST of its pixels."""
PLAIN = 0.02
"""OKLab that the border's colour may vary."""
OFF = 0.12
"""OKLab from the ground at which a pixel is surely art."""
KEY = (0.3, 0.85)
"""Parts of the art's own distance from the ground at which a pixel begins to show and is whole."""
SPECK = 6
"""Pixels below which a part is an artefact."""
PARTS = 40
"""Art in more parts than this is a page of text or a pattern."""


def flat_art(pixels: Image) -> Gray | None:
    """The mask of what stands on a plain ground, 0..255 at the picture's size; None when this is no flat art."""
    scale = min(1.0, SIDE / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    lab = oklab_of_pixels(np.asarray(small, dtype=np.uint8))
    strip = max(2, round(0.02 * min(lab.shape[:2])))
    border = np.concatenate(
        [part.reshape(-1, 3) for part in (lab[:strip], lab[-strip:], lab[:, :strip], lab[:, -strip:])]
    )
    ground = np.median(border, axis=0)
    if float(np.percentile(np.linalg.norm(border - ground, axis=1), 98.0)) > PLAIN or not _few_colours(lab):
        return None
    away = np.linalg.norm(lab - ground, axis=2)
    art = (away > OFF).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(art)
    parts = int(np.count_nonzero(stats[1:, cv2.CC_STAT_AREA] >= SPECK))
    inner = cv2.erode(art, np.ones((3, 3), np.uint8)) > 0
    if not 1 <= parts <= PARTS or not inner.any():
        return None
    return _keyed(pixels, ground, float(np.percentile(away[inner], 2.0)))


def _few_colours(lab: npt.NDArray[np.float32]) -> bool:
    cells = np.floor(lab.reshape(-1, 3) / 0.05).astype(np.int64) + 32
    counts = np.sort(np.bincount((cells[:, 0] * 64 + cells[:, 1]) * 64 + cells[:, 2]))[::-1]
    return float(counts[:FEW].sum()) >= MOST * len(cells)


def _keyed(pixels: Image, ground: npt.NDArray[np.float32], apart: float) -> Gray:
    """How far each pixel is from the ground, in parts of the art's distance `apart`; in bands, to save memory."""
    mask = np.empty(pixels.shape[:2], np.uint8)
    for top in range(0, len(mask), 256):
        away = np.linalg.norm(oklab_of_pixels(pixels[top : top + 256]) - ground, axis=2)
        mask[top : top + 256] = np.rint(np.clip((away / apart - KEY[0]) / (KEY[1] - KEY[0]), 0.0, 1.0) * 255.0)
    return mask
