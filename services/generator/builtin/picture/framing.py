"""The theme picture framed for a shot: at the frame's size, clean, its tones brought out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from cv2.typing import MatLike

from libs.picture.load import Gray, Image, Picture
from libs.picture.salience import SIDE, salience
from libs.picture.subject import Subject
from services.generator.builtin.picture.crop import FOCUS, Box, Crop, aimed, head_of

MIDDLE = 112.0
"""Where the middle tone of a picture is brought, of 255, as far as GAMMA lets it."""
GAMMA = (0.55, 1.5)

ROOM = 1.5
"""Times the view that is kept around its middle: what the camera may reach."""
READ = 88.0
"""The middle tone that a head has at least, as far as FILL lets it."""
FILL = 0.55
"""The strongest fill light, as an exponent."""
PLAIN = 5.0
"""Deviation, of 255, along an edge of a picture that stands on a plain ground."""
DULL = 170.0
"""Levels that the tones of a dull or dark picture cover at most."""
WINDOW = 7.0
"""Cells of a salience field that the eye takes in at once."""
WORTHWHILE = 0.06
"""Parts of a picture that have to be missing on either side for its ground to be carried on."""


@dataclass(frozen=True)
class Framing:
    """A picture cut for a shot: what is seen at rest, with room around it for the camera.

    source: its colours. tone: its lightness, spread over 0..255. mask: its subject, where that is known. All
    of one size. The frame's middle lies at `centre`; one frame pixel is `scale` pixels of them.
    """

    source: Image
    tone: Gray
    mask: Gray | None
    centre: tuple[float, float]
    scale: float
    head: float = 0.0
    """Height of the subject's head in the frame, in its pixels; 0 where no subject is known."""


def framed(
    picture: Picture, width: int, height: int, closeness: float, focus: tuple[float, float] = FOCUS
) -> Framing:
    """The picture framed to fill width x height, `closeness` times nearer than needed (1 and up).

    focus: where the view aims, in parts of the picture, as far as the frame stays filled.
    """
    return framed_at(picture, width, height, Crop(closeness, focus))


def framed_near(
    picture: Picture,
    width: int,
    height: int,
    closeness: float,
    *,
    subject: Subject | None,
    aside: float = 0.0,
    screened: bool = False,
) -> Framing:
    """The picture framed around its subject, as near as wished where its size and the subject's head let it."""
    picture, subject = widened(picture, subject, width / height)
    rows, columns = picture.pixels.shape[:2]
    crop = aimed(
        (columns, rows),
        (width, height),
        closeness,
        subject=subject,
        eye=eye_of(picture) if subject is None else None,
        aside=aside,
        screened=screened,
    )
    return framed_at(picture, width, height, crop, subject)


def eye_of(picture: Picture) -> tuple[float, float]:
    """What draws the eye in a picture of no subject that could be cut out: a house, a tree, a crowd."""
    places = (np.arange(SIDE) + 0.5) / SIDE
    field = salience(_lit(picture.pixels)).astype(np.float64) ** 2
    field *= np.exp(np.minimum((1.3 * (places - 0.5) / 0.36) ** 2, 2.2))
    found = []
    for axis in (0, 1):
        seen = cv2.GaussianBlur(field.sum(axis=axis), (0, 0), WINDOW).ravel()
        found.append(0.5 * float(places[int(np.argmax(seen))] + places @ seen / max(float(seen.sum()), 1e-9)))
    return found[0], found[1]


def _lit(pixels: Image) -> Image:
    """A small copy; a dull or dark one has its tones spread and lifted, since the eye sees in the dark, too."""
    small = cv2.resize(pixels, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA)
    low, middle, high = (float(value) for value in np.percentile(small, (1.0, 50.0, 99.0)))
    span = max(high - low, 16.0)
    if span > DULL:
        return np.asarray(small, dtype=np.uint8)
    bend = min(max(float(np.log(0.45) / np.log(min(max((middle - low) / span, 0.02), 0.98))), GAMMA[0]), GAMMA[1])
    at = np.clip((np.arange(256) - low) / span, 0.0, 1.0) ** bend
    return np.asarray(cv2.LUT(small, np.rint(255.0 * at).astype(np.uint8)), dtype=np.uint8)


def widened(picture: Picture, subject: Subject | None, shape: float) -> tuple[Picture, Subject | None]:
    """The picture with its plain ground carried on to either side, or above and below, so that all of a logo or a
    thing on white fits a frame of another shape (width / height). Other pictures stay as they are."""
    rows, columns = picture.pixels.shape[:2]
    right, down = max(0, round((rows * shape - columns) / 2)), max(0, round((columns / shape - rows) / 2))
    pixels = picture.pixels
    edges = (pixels[:, 0], pixels[:, -1]) if right else (pixels[0], pixels[-1])
    if max(right / columns, down / rows) < WORTHWHILE or any(
        float(edge.std(axis=0).max()) > PLAIN for edge in edges
    ):
        return picture, subject
    sides = (down, down, right, right)
    wide = np.asarray(cv2.copyMakeBorder(pixels, *sides, cv2.BORDER_REPLICATE), dtype=np.uint8)
    if subject is None:
        return Picture(wide), None
    mask = np.asarray(cv2.copyMakeBorder(subject.mask, *sides, cv2.BORDER_CONSTANT, value=0), dtype=np.uint8)
    tall, long_ = wide.shape[:2]
    left, top, last_x, last_y = subject.box
    box = (
        (left * columns + right) / long_,
        (top * rows + down) / tall,
        (last_x * columns + right) / long_,
        (last_y * rows + down) / tall,
    )
    cover = subject.cover * rows * columns / (tall * long_)
    return Picture(wide), replace(subject, mask=mask, box=box, cover=cover)


def framed_at(
    picture: Picture,
    width: int,
    height: int,
    crop: Crop,
    subject: Subject | None = None,
) -> Framing:
    """The picture framed by a crop.

    Small pictures are brought up smoothly, cleaned and sharpened, so that they don't show their pixels.
    """
    rows, columns = picture.pixels.shape[:2]
    fill = max(width / columns, height / rows) * crop.closeness
    half_x, half_y = width / fill / 2.0, height / fill / 2.0
    x = min(max(crop.focus[0] * columns, half_x), columns - half_x)
    y = min(max(crop.focus[1] * rows, half_y), rows - half_y)
    left, right = max(0, int(x - ROOM * half_x)), min(columns, round(x + ROOM * half_x) + 1)
    top, bottom = max(0, int(y - ROOM * half_y)), min(rows, round(y + ROOM * half_y) + 1)
    source: MatLike = picture.pixels[top:bottom, left:right]
    work = min(fill * 1.1, 3000.0 / max(source.shape[:2]))
    if work > 1.25:
        clean = cv2.bilateralFilter(source, 5, 18, 3)
        source = cv2.resize(clean, None, fx=work, fy=work, interpolation=cv2.INTER_CUBIC)
        soft = cv2.GaussianBlur(source, (0, 0), 1.2 * work)
        source = cv2.addWeighted(source, 1.5, soft, -0.5, 0)
    elif work < 1.0:
        source = cv2.resize(source, None, fx=work, fy=work, interpolation=cv2.INTER_AREA)
    tall, wide = source.shape[:2]
    work_x, work_y = wide / (right - left), tall / (bottom - top)
    mask: MatLike | None = None
    head: Box | None = None
    if subject is not None:
        mask = cv2.resize(subject.mask[top:bottom, left:right], (wide, tall), interpolation=cv2.INTER_LINEAR)
        first_x, first_y, last_x, last_y = head_of(subject)
        head = (
            (first_x * columns - left) * work_x,
            (first_y * rows - top) * work_y,
            (last_x * columns - left) * work_x,
            (last_y * rows - top) * work_y,
        )
    tone = _spread(cv2.cvtColor(source, cv2.COLOR_BGR2GRAY), mask)
    return Framing(
        source=np.asarray(source, dtype=np.uint8),
        tone=tone if mask is None or head is None else _filled(tone, mask, head),
        mask=None if mask is None else np.asarray(mask, dtype=np.uint8),
        centre=((x - left) * work_x, (y - top) * work_y),
        scale=work_x / fill,
        head=0.0 if head is None else (head[3] - head[1]) / work_y * fill,
    )


def _spread(tone: MatLike, mask: MatLike | None) -> Gray:
    """Lightness stretched between its own ends, its middle brought to the middle, with a gentle S-curve and
    local contrast. The subject's tones count as much as all others."""
    small = cv2.resize(tone, (96, 96), interpolation=cv2.INTER_AREA).ravel()
    if mask is not None:
        inside = small[cv2.resize(mask, (96, 96), interpolation=cv2.INTER_AREA).ravel() > 127]
        if len(inside) > 32:
            small = np.concatenate([small, np.resize(inside, len(small))])
    low, high = (float(value) for value in np.percentile(small, (0.7, 99.6)))
    span = max(high - low, 24.0)
    middle = min(max((float(np.median(small)) - low) / span, 0.02), 0.98)
    gamma = min(max(float(np.log(MIDDLE / 255.0) / np.log(middle)), GAMMA[0]), GAMMA[1])
    at = np.clip((np.arange(256) - low) / span, 0.0, 1.0) ** (0.35 + 0.65 * gamma)
    curve = (0.75 * at + 0.25 * at * at * (3.0 - 2.0 * at)) * 255.0
    stretched = cv2.LUT(tone, np.rint(curve).astype(np.uint8))
    local = cv2.createCLAHE(clipLimit=1.3, tileGridSize=(6, 6)).apply(stretched)
    return np.asarray(local, dtype=np.uint8)


def _filled(tone: Gray, mask: MatLike, head: Box) -> Gray:
    """The tones with a fill light on the subject, where its head (in pixels) would be too dark to be read."""
    rows, columns = tone.shape
    left, top, right, bottom = (int(max(0.0, side)) for side in head)
    part = np.s_[min(top, rows - 1) : max(bottom, 1), min(left, columns - 1) : max(right, 1)]
    inside = tone[part][mask[part] > 127]
    middle = float(np.median(inside)) if len(inside) else READ
    if middle >= READ:
        return tone
    gamma = max(float(np.log(READ / 255.0) / np.log(max(middle, 6.0) / 255.0)), FILL)
    lifted = cv2.LUT(tone, np.rint(255.0 * (np.arange(256) / 255.0) ** gamma).astype(np.uint8))
    light = cv2.GaussianBlur(mask, (0, 0), 0.006 * columns).astype(np.float32) / np.float32(255.0)
    return np.asarray(cv2.blendLinear(lifted, tone, light, np.float32(1.0) - light), dtype=np.uint8)
