"""The hues of a picture: what a palette can be built on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from libs.picture.load import Picture
from libs.picture.oklab import oklab_of_pixels

BINS = 36
APART = 50.0
"""Degrees between the main hue and the ground's at least."""
OPPOSITE = 150.0
"""Degrees to the ground's hue where the picture has but one."""
WEAK = 0.06
"""A second hue needs this part of the first one's weight."""
CHROMA = (0.09, 0.19)
GREY = 4e-4
"""The mean squared chroma of a picture below which its hues say nothing."""


@dataclass(frozen=True)
class PictureHues:
    """main, ground: degrees of OKLCh hue; the strongest, and the strongest far from it. chroma: the mean,
    weighted by its square, within CHROMA. grey: too pale for its hues to be used. lightness: the mean, 0..1."""

    main: float
    ground: float
    chroma: float
    grey: bool
    lightness: float


def picture_hues(picture: Picture) -> PictureHues:
    """The hues, weighted by squared chroma; what was transparent doesn't count."""
    small = cv2.resize(picture.pixels, (96, 96), interpolation=cv2.INTER_AREA)
    lab = oklab_of_pixels(np.asarray(small, dtype=np.uint8)).reshape(-1, 3).astype(np.float64)
    seen = np.ones(len(lab), dtype=np.float64)
    if picture.alpha is not None:
        alpha = cv2.resize(picture.alpha, (96, 96), interpolation=cv2.INTER_AREA)
        seen = np.asarray(alpha, dtype=np.float64).ravel() / 255.0
    total = max(float(seen.sum()), 1e-6)
    squared = lab[:, 1] ** 2 + lab[:, 2] ** 2
    hues = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360.0
    weights = _smooth(np.bincount((hues * BINS / 360.0).astype(int) % BINS, squared * seen, BINS))
    first = int(np.argmax(weights))
    centres = (np.arange(BINS) + 0.5) * 360.0 / BINS
    main = _centre(weights, first)
    away = np.abs((centres - main + 180.0) % 360.0 - 180.0)
    others = np.where(away >= APART, weights, 0.0)
    second = int(np.argmax(others))
    ground = _centre(others, second) if others[second] > WEAK * weights[first] else (main + OPPOSITE) % 360.0
    strong = float((squared**1.5 * seen).sum()) / max(float((squared * seen).sum()), 1e-12)
    return PictureHues(
        main=main,
        ground=ground,
        chroma=min(max(strong, CHROMA[0]), CHROMA[1]),
        grey=float((squared * seen).sum()) / total < GREY,
        lightness=float((lab[:, 0] * seen).sum()) / total,
    )


def _smooth(weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Each bin with its neighbours, around the circle."""
    near = np.roll(weights, 1) + np.roll(weights, -1)
    far = np.roll(weights, 2) + np.roll(weights, -2)
    return np.asarray(0.4 * weights + 0.24 * near + 0.06 * far, dtype=np.float64)


def _centre(weights: npt.NDArray[np.float64], peak: int) -> float:
    """The hue of a peak in degrees, between its bins."""
    steps = np.arange(-1, 2)
    around = weights[(peak + steps) % BINS]
    shift = float((around * steps).sum() / max(float(around.sum()), 1e-12))
    return (peak + 0.5 + shift) * 360.0 / BINS % 360.0
