"""Words as masks: shaped and kerned once, trimmed, kept."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ImageFont

from libs.type.faces import Face

Alpha = npt.NDArray[np.uint8]
"""Height x width, 0..255."""

_TRACKED = ("LATIN", "GREEK", "CYRILLIC")
"""Scripts whose letters stand alone, so that the space between them can be changed."""


@dataclass(frozen=True, eq=False)
class Mask:
    """A word's ink, trimmed. Its pen stood at (0, 0) on the baseline; x goes right, y down."""

    alpha: Alpha
    left: int
    top: int
    advance: float
    """Where the pen stands after it, in pixels."""

    @property
    def width(self) -> int:
        """Pixels from the first to the last inked column."""
        return int(self.alpha.shape[1])

    @property
    def height(self) -> int:
        """Pixels from the first to the last inked row."""
        return int(self.alpha.shape[0])

    @property
    def stem(self) -> int:
        """Where its ink begins above the baseline: what rows are aligned by, whatever tails hang below."""
        above = self.alpha[: max(1, -self.top)] > 96
        columns = np.flatnonzero(above.any(axis=0))
        return self.left + (int(columns[0]) if len(columns) else 0)


@lru_cache(maxsize=12)
def font(face: Face, size: float) -> ImageFont.FreeTypeFont:
    """The face at a size in pixels, laid out by raqm."""
    opened = ImageFont.truetype(str(face.path), size, layout_engine=ImageFont.Layout.RAQM)
    if face.axes:
        opened.set_variation_by_axes(_by_name(opened, face.axes))
    return opened


def _by_name(opened: ImageFont.FreeTypeFont, axes: tuple[float, ...]) -> list[float]:
    """The weight and width in the order in which the file has these axes."""
    weight, width = axes
    return [weight if (axis["maximum"] or 0) > 200 else width for axis in opened.get_variation_axes()]


def metrics(face: Face, size: float) -> tuple[int, int]:
    """Ascent and descent in pixels."""
    ascent, descent = font(face, size).getmetrics()
    return ascent, descent


@lru_cache(maxsize=256)
def word_mask(text: str, face: Face, size: float, tracking: float = 0.0, stroke: float = 0.0) -> Mask:
    """The text set in one row. `tracking` is added between letters, in parts of the size; `stroke` widens the ink.

    Scripts whose letters join are never tracked.
    """
    opened = font(face, size)
    if not tracking or not _is_tracked(text):
        return _inked(opened, text, stroke)
    letters = clusters(text)
    pens = [0.0]
    for here, after in pairwise([*letters, ""]):
        kerned = opened.getlength(here + after) - opened.getlength(after) if after else opened.getlength(here)
        pens.append(pens[-1] + kerned + (tracking * size if after else 0.0))
    parts = [_inked(opened, letter, stroke) for letter in letters]
    return _joined(parts, pens)


def clusters(text: str) -> list[str]:
    """Letters with the marks that belong to them."""
    found: list[str] = []
    for char in text:
        if found and (unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf")):
            found[-1] += char
        else:
            found.append(char)
    return found


def outline(mask_text: str, face: Face, size: float, width: float, tracking: float = 0.0) -> Mask:
    """The text as a line of `width` pixels around its letters."""
    wide = word_mask(mask_text, face, size, tracking, width)
    plain = word_mask(mask_text, face, size, tracking)
    x, y = plain.left - wide.left, plain.top - wide.top
    alpha = wide.alpha.copy()
    inside = alpha[y : y + plain.height, x : x + plain.width]
    cv2.subtract(inside, plain.alpha, dst=inside)
    return Mask(alpha, wide.left, wide.top, wide.advance)


def _is_tracked(text: str) -> bool:
    return all(unicodedata.name(char, "").startswith(_TRACKED) for char in text if char.isalpha())


def _inked(opened: ImageFont.FreeTypeFont, text: str, stroke: float) -> Mask:
    core, (left, top) = opened.getmask2(text, mode="L", stroke_width=stroke, anchor="ls")
    width, height = core.size
    alpha = np.array(core, dtype=np.uint8).reshape(height, width)
    return _trimmed(alpha, round(left), round(top), float(opened.getlength(text)))


def _trimmed(alpha: Alpha, left: int, top: int, advance: float) -> Mask:
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return Mask(np.zeros((1, 1), np.uint8), left, top, advance)
    first, last, start, end = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return Mask(np.ascontiguousarray(alpha[first:last, start:end]), left + start, top + first, advance)


def _joined(parts: list[Mask], pens: list[float]) -> Mask:
    lefts = [round(pen) + part.left for pen, part in zip(pens, parts, strict=False)]
    left, top = min(lefts), min(part.top for part in parts)
    right = max(start + part.width for start, part in zip(lefts, parts, strict=True))
    bottom = max(part.top + part.height for part in parts)
    alpha = np.zeros((bottom - top, right - left), np.uint8)
    for start, part in zip(lefts, parts, strict=True):
        x, y = start - left, part.top - top
        place = alpha[y : y + part.height, x : x + part.width]
        cv2.max(place, part.alpha, dst=place)
    return _trimmed(alpha, left, top, pens[-1])
