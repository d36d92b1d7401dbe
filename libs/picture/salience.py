"""What stands out of a picture: by structure, by colour against the border's, by detail, and where faces are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from libs.picture.faces import Face
from libs.picture.load import Image
from libs.picture.oklab import oklab_of_pixels

Field: TypeAlias = npt.NDArray[np.float32]

SIDE = 64
"""Cells of a salience field on each side, whatever the picture's shape."""
BORDER = 4
"""Cells of the strip at the top and the sides that is taken for background."""
GROUNDS = 3
"""Colours that a background may have."""


def salience(pixels: Image) -> Field:
    """SIDE x SIDE, 0..1: how much each part of the picture stands out, more so in the middle."""
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    lab = oklab_of_pixels(np.asarray(small, dtype=np.uint8))
    lightness = np.ascontiguousarray(lab[..., 0])
    detail = cv2.GaussianBlur(np.abs(cv2.Laplacian(lightness, cv2.CV_32F)), (0, 0), 3.0)
    whole = 0.2 * _residual(lightness) + 0.6 * _spread(_apart(lab)) + 0.2 * _spread(detail)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1.0) - 0.5
    centre = np.exp(-((x / 0.36) ** 2 + ((y - 0.05) / 0.46) ** 2))
    return _spread(cv2.GaussianBlur((whole * centre).astype(np.float32), (0, 0), 1.5))


def _residual(lightness: Field) -> Field:
    """What breaks the picture's usual structure, after Hou and Zhang, "Saliency detection: a spectral residual
    approach" (2007)."""
    spectrum = np.fft.fft2(lightness)
    amplitude = np.log(np.abs(spectrum) + 1e-6).astype(np.float32)
    residual = amplitude - cv2.blur(amplitude, (3, 3))
    back = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    return _spread(cv2.GaussianBlur(back.astype(np.float32), (0, 0), 2.5))


def _apart(lab: Field) -> Field:
    """The Mahalanobis distance to the nearest of the border's colours."""
    strips = (lab[:BORDER], lab[BORDER:, :BORDER], lab[BORDER:, -BORDER:])
    border = np.concatenate([strip.reshape(-1, 3) for strip in strips])
    cv2.setRNGSeed(1)
    until = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1e-3)
    _, labels, _ = cv2.kmeans(border, GROUNDS, np.empty((0, 1), np.int32), until, 1, cv2.KMEANS_PP_CENTERS)
    away: list[npt.NDArray[np.float64]] = []
    for index in range(GROUNDS):
        colours = border[labels[:, 0] == index].astype(np.float64)
        if len(colours) < 0.08 * len(border):
            continue
        spread = np.cov(colours.T) + np.eye(3) * 6e-4
        off = lab - colours.mean(axis=0)
        away.append(np.sqrt(np.einsum("...i,ij,...j->...", off, np.linalg.inv(spread), off)))
    return np.asarray(np.minimum.reduce(away), dtype=np.float32)


class Bodies(NamedTuple):
    """near: 0..1, where heads and shoulders should be. beside: what lies beside and above the heads, too far
    for hair."""

    near: Field
    beside: npt.NDArray[np.bool_]


def bodies(faces: Sequence[Face], width: int, height: int) -> Bodies:
    """The people to whom the faces belong, height x width. A face's own square is as wide as the face without
    its hair."""
    near: Field = np.zeros((height, width), np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    reach = np.full((height, width), 99.0, np.float32)
    lowest = 0.0
    for face in faces:
        wide, high = (face.right - face.left) * width, (face.bottom - face.top) * height
        middle, centre = (face.left + face.right) * width / 2.0, (face.top + face.bottom) * height / 2.0
        chin = face.bottom * height + 0.1 * high
        head = np.hypot((x - middle) / (0.72 * wide), (y - centre) / (0.92 * high))
        shoulders = np.clip((y - chin - 0.15 * high) / (0.8 * high), 0.0, 1.0)
        torso = np.abs(x - middle) / (wide * (0.36 + 0.95 * shoulders))
        torso[y < chin - 0.15 * high] = 9.0
        near = np.maximum(near, np.clip((1.35 - np.minimum(head, torso)) / 0.75, 0.0, 1.0), dtype=np.float32)
        reach = np.minimum(reach, head / 1.5, dtype=np.float32)
        lowest = max(lowest, chin + 0.5 * high)
        below = np.clip((y - chin) / high, 0.0, 1.0)
        aside = np.where(y > chin, np.abs(x - middle) / (wide * (1.1 + 1.6 * below)), 9.0)
        reach = np.minimum(reach, aside, dtype=np.float32)
    return Bodies(near, (reach > 1.0) & (y < lowest))


def _spread(field: MatLike) -> Field:
    """The field from its 2nd to its 99th percentile on 0..1."""
    low, high = np.percentile(field, (2.0, 99.0))
    return np.asarray(np.clip((field - low) / max(float(high - low), 1e-6), 0.0, 1.0), dtype=np.float32)
