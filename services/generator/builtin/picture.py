"""The theme picture: decoded under limits, brought to a workable size, framed for a shot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from libs.contracts.errors import Permanent
from libs.media.guards import read_image_head
from services.generator.builtin.colour import Lab, bgr_of

Image: TypeAlias = npt.NDArray[np.uint8]
Gray: TypeAlias = npt.NDArray[np.uint8]

LONGEST = 2560
"""Pixels of the longer side that are kept."""
SMALLEST = 48
"""A shorter side below this holds nothing to show."""
FLATTEST = 6.0
"""A deviation of lightness (of 255) below this neither."""
WITH_ALPHA = frozenset({"png", "webp"})
FOCUS = (0.5, 0.32)
"""Where a crop aims, in parts of the picture: faces and subjects sit above the middle."""


@dataclass(frozen=True)
class Picture:
    """A theme picture: height x width x 3, BGR, upright, opaque."""

    pixels: Image

    @property
    def short_side(self) -> int:
        """Pixels of the shorter side."""
        return int(min(self.pixels.shape[:2]))

    @property
    def telling(self) -> bool:
        """False for pictures with nothing to see: a dot, a plain colour."""
        if self.short_side < SMALLEST:
            return False
        small = cv2.resize(self.pixels, (64, 64), interpolation=cv2.INTER_AREA)
        return float(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).std()) >= FLATTEST


def load_picture(path: Path, ground: Lab) -> Picture:
    """The picture in a file: turned as its EXIF says, laid on `ground` where it is transparent, at most
    LONGEST pixels wide or high.

    Its header is judged before anything is decoded. Raises Permanent: empty_file, file_too_large, bad_image,
    image_too_large.
    """
    head = read_image_head(path)
    data = np.fromfile(path, dtype=np.uint8)
    try:
        upright = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise Permanent("bad_image") from error
    if upright is None:
        raise Permanent("bad_image")
    cover = _alpha(data, upright.shape[:2]) if head.format in WITH_ALPHA else None
    upright = _fitted(upright)
    if cover is not None:
        share = _fitted(cover).astype(np.float32)[..., None] / 255.0
        below = bgr_of(ground).astype(np.float32)
        upright = np.rint(upright.astype(np.float32) * share + below * (1.0 - share))
    return Picture(np.ascontiguousarray(upright, dtype=np.uint8))


def _alpha(data: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> MatLike | None:
    """The 8-bit alpha channel, or None when there is none or all of it is opaque."""
    raw = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim != 3 or raw.shape[2] != 4 or raw.shape[:2] != shape:
        return None
    alpha = np.ascontiguousarray(raw[..., 3])
    if alpha.dtype == np.uint16:
        alpha = cv2.convertScaleAbs(alpha, alpha=1.0 / 257.0)
    return None if int(alpha.min()) == 255 else alpha


def _fitted(image: MatLike) -> MatLike:
    """The image, at most LONGEST pixels wide or high."""
    scale = LONGEST / max(image.shape[:2])
    if scale >= 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


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
