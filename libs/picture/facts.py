"""What a director has to know of the theme picture: runs in a worker child."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np

from libs.picture.hues import picture_hues
from libs.picture.load import Picture, read_picture
from libs.picture.oklab import oklab_of_pixels
from libs.picture.subject import find_subject

DETAIL_SIDE = 256


class PictureFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A picture in numbers.

    usable: there is something to see. width, height, short_side: pixels that are kept of it. aspect: width by
    height. subject: one was found and can be trusted; cover, box (left, top, right, bottom in parts of the
    picture), strength: its own, else 0. faces: how many. hue, ground_hue (degrees), chroma, grey: of its
    colours. lightness: the mean, 0..1. contrast: lightness from the 5th to the 95th percentile; a dark, flat or
    washed-out picture is below .35. detail: fine structure, about .01 in a calm picture and .05 in a busy one.
    """

    usable: bool
    width: int
    height: int
    short_side: int
    aspect: float
    subject: bool
    cover: float
    box: tuple[float, float, float, float]
    strength: float
    faces: int
    hue: float
    ground_hue: float
    chroma: float
    grey: bool
    lightness: float
    contrast: float
    detail: float


def read_facts(path: Path) -> PictureFacts:
    """The facts of a picture in a file. Raises what `load_picture` raises."""
    return facts_of(read_picture(path))


def facts_of(picture: Picture) -> PictureFacts:
    """The facts of a picture. Costs about half a second, for the subject."""
    cv2.setNumThreads(1)
    height, width = picture.pixels.shape[:2]
    hues = picture_hues(picture)
    subject = find_subject(picture)
    scale = min(1.0, DETAIL_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA)
    lightness = np.ascontiguousarray(oklab_of_pixels(np.asarray(small, dtype=np.uint8))[..., 0])
    low, high = np.percentile(lightness, (5.0, 95.0))
    return PictureFacts(
        usable=picture.telling,
        width=width,
        height=height,
        short_side=picture.short_side,
        aspect=width / height,
        subject=subject is not None,
        cover=subject.cover if subject else 0.0,
        box=subject.box if subject else (0.0, 0.0, 0.0, 0.0),
        strength=subject.strength if subject else 0.0,
        faces=len(subject.faces) if subject else 0,
        hue=hues.main,
        ground_hue=hues.ground,
        chroma=hues.chroma,
        grey=hues.grey,
        lightness=hues.lightness,
        contrast=float(high - low),
        detail=float(np.abs(cv2.Laplacian(lightness, cv2.CV_32F)).mean()),
    )
