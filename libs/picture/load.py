"""The theme picture: decoded under limits, upright, brought to a workable size."""

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
from libs.picture.kept import Kept
from libs.picture.oklab import Lab, bgr_of

Image: TypeAlias = npt.NDArray[np.uint8]
"""Height x width x 3, BGR."""
Gray: TypeAlias = npt.NDArray[np.uint8]
"""Height x width."""

LONGEST = 2560
"""Pixels of the longer side that are kept."""
SMALLEST = 48
"""A shorter side below this holds nothing to show."""
FLATTEST = 6.0
"""A deviation of lightness (of 255) below this neither."""
WITH_ALPHA = frozenset({"png", "webp"})


@dataclass(frozen=True)
class Picture:
    """A theme picture: height x width x 3, BGR, upright.

    alpha: how opaque (255) it is in the file, height x width; None when all of it is.
    """

    pixels: Image
    alpha: Gray | None = None

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
        flat = float(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).std()) < FLATTEST
        return not flat or (self.alpha is not None and float(self.alpha.std()) >= FLATTEST)

    def on(self, ground: Lab) -> Picture:
        """The picture laid on a colour, its alpha kept; itself when it is opaque."""
        if self.alpha is None:
            return self
        share = self.alpha.astype(np.float32)[..., None] / np.float32(255.0)
        laid = self.pixels * share + bgr_of(ground).astype(np.float32) * (np.float32(1.0) - share)
        return Picture(np.rint(laid).astype(np.uint8), self.alpha)


def load_picture(path: Path, ground: Lab) -> Picture:
    """The picture in a file: turned as its EXIF says, laid on `ground` where it is transparent, at most
    LONGEST pixels wide or high.

    Its header is judged before anything is decoded. Raises Permanent: empty_file, file_too_large, bad_image,
    image_too_large.
    """
    return read_picture(path).on(ground)


def picture_of(path: Path, digest: str, ground: Lab) -> Picture:
    """The same as `load_picture`, decoded once in the process for each digest of a file's content."""
    return _kept.get(digest, lambda: read_picture(path)).on(ground)


def read_picture(path: Path) -> Picture:
    """The picture in a file, its transparent parts as they are. Raises what `load_picture` raises."""
    head = read_image_head(path)
    data = np.fromfile(path, dtype=np.uint8)
    try:
        upright = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise Permanent("bad_image") from error
    if upright is None:
        raise Permanent("bad_image")
    cover = _alpha(data, upright.shape[:2]) if head.format in WITH_ALPHA else None
    alpha = None if cover is None else np.ascontiguousarray(_fitted(cover), dtype=np.uint8)
    return Picture(np.ascontiguousarray(_fitted(upright), dtype=np.uint8), alpha)


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


_kept: Kept[Picture] = Kept()
