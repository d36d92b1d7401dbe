"""The theme picture: decoded under limits, upright, brought to a workable size."""

from __future__ import annotations

from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
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
FLATTEST = 4.0
"""A deviation of lightness (of 255) below this neither."""


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
    alpha = _alpha(path, head.format) if _may_be_transparent(path, head.format) else None
    reduced = head.format == "jpeg" and max(head.width, head.height) >= 2 * LONGEST
    way = cv2.IMREAD_REDUCED_COLOR_2 if reduced else cv2.IMREAD_COLOR
    if alpha is not None:
        way |= cv2.IMREAD_IGNORE_ORIENTATION  # OpenCV turns no alpha channel
    return Picture(_fitted(_decoded(path, head.format, way)), alpha)


_ENDS = {"jpeg": b"\xff\xd9", "png": b"\0\0\0\0IEND\xae\x42\x60\x82"}
"""Marks of the end: added to files that OpenCV refuses, since some lack theirs."""


def _decoded(path: Path, format_: str, way: int) -> MatLike:
    """All pixels: from the file into their place, since from memory, or without a place, each is held twice."""
    try:
        found: MatLike | None = cv2.imread(str(path), None, way)
        if found is None:
            data = path.read_bytes() + _ENDS.get(format_, b"")
            found = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), way)
    except cv2.error as error:
        raise Permanent("bad_image") from error
    if found is None:
        raise Permanent("bad_image")
    return found


def _may_be_transparent(path: Path, format_: str) -> bool:
    """By the header alone, because a second decoding is dear."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return _says_transparent(data, format_)


def _says_transparent(data: mmap, format_: str) -> bool:
    if format_ == "png":
        return data[25] in (4, 6) or b"tRNS" in data[: data.find(b"IDAT")]
    if format_ == "webp":
        lossless, extended = data[12:16] == b"VP8L", data[12:16] == b"VP8X"
        return lossless or (extended and bool(data[20] & 0x10))
    return False


def _alpha(path: Path, format_: str) -> Gray | None:
    """The 8-bit alpha channel, fitted, or None when there is none or all of it is opaque."""
    raw = _decoded(path, format_, cv2.IMREAD_UNCHANGED)
    if raw.ndim != 3 or raw.shape[2] != 4:
        return None
    alpha = cv2.extractChannel(raw, 3)
    del raw
    if alpha.dtype == np.uint16:
        alpha = cv2.convertScaleAbs(alpha, alpha=1.0 / 257.0)
    return None if int(alpha.min()) == 255 else _fitted(alpha)


def _fitted(image: MatLike) -> npt.NDArray[np.uint8]:
    """The image, at most LONGEST pixels wide or high."""
    scale = LONGEST / max(image.shape[:2])
    if scale < 1.0:
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image, dtype=np.uint8)


_kept: Kept[Picture] = Kept()
