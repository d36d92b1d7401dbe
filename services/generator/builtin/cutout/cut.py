"""The subject cut out of its picture: clean at its rim, and in the inks that a look wants.

What is made here stays the same over a shot; `standing.py` says where it stands and how it moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from libs.picture.load import Gray, Image, Picture
from libs.picture.subject import Subject
from services.generator.builtin.paint.colour import Table
from services.generator.builtin.paint.screen import dot_screen

Layer: TypeAlias = npt.NDArray[np.uint8]
"""Height x width x 4, BGR multiplied by alpha, and alpha: one warp moves both."""

Edge: TypeAlias = Literal["left", "top", "right", "bottom"]

EDGES: tuple[Edge, ...] = ("left", "top", "right", "bottom")
INSIDE = 245
"""From this level of the mask on a pixel is all subject."""
SEEN = 24
"""Below it nothing is left of it."""
HARDNESS = 3.6
"""How steep the rim of a dot is."""
SPREAD, DEEP, MOST_GAIN = 130.0, 30.0, 3.0
"""Levels that a subject's tones cover at least, where they begin then, and how much they are spread at most."""
NATURAL = 0.80
"""What a coloured cut keeps of its own colours; the rest are the palette's."""


@dataclass(frozen=True, eq=False)
class Cut:
    """A subject with a little air around it.

    colour: BGR without the old background's colours. tone: lightness, spread over 0..255. mask: 0..255. All have
    one height and width. edges: of the picture, those that it reaches.
    """

    colour: Image
    tone: Gray
    mask: Gray
    edges: frozenset[Edge] = frozenset()

    def resized(self, scale: float) -> Cut:
        """The cut at `scale` times its size; where it grows, its rim is kept sharp."""
        size = (max(2, round(self.mask.shape[1] * scale)), max(2, round(self.mask.shape[0] * scale)))
        if scale <= 1.0:
            parts = [cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in self._parts()]
        else:
            parts = [cv2.resize(part, size, interpolation=cv2.INTER_CUBIC) for part in self._parts()]
            if scale > 1.25:
                sharp = [_sharpened(part, 1.2 * scale) for part in parts[:2]]
                parts = [*sharp, _firm(parts[2], scale)]
        colour, tone, mask = (np.asarray(part, dtype=np.uint8) for part in parts)
        return Cut(colour, tone, mask, self.edges)

    def _parts(self) -> tuple[Image, Gray, Gray]:
        return self.colour, self.tone, self.mask

    def inked(self, table: Table) -> Layer:
        """In the colours that a table gives its tones."""
        return premultiplied(np.asarray(cv2.applyColorMap(self.tone, table), dtype=np.uint8), self.mask)

    def natural(self, table: Table) -> Layer:
        """In its own colours, tinted by a table so that it belongs to its ground."""
        tinted = cv2.addWeighted(self.colour, NATURAL, cv2.applyColorMap(self.tone, table), 1.0 - NATURAL, 0.0)
        return premultiplied(np.asarray(tinted, dtype=np.uint8), self.mask)

    def plate(self) -> Layer:
        """Its tones, not multiplied, in the first three channels, for looks that ink them frame by frame."""
        return np.ascontiguousarray(np.dstack([self.tone, self.tone, self.tone, self.mask]))

    def dotted(self, table: Table, pitch: float) -> Layer:
        """In dots `pitch` pixels apart, of the first and the last colour of a table."""
        screen = dot_screen(self.tone.shape[1], self.tone.shape[0], pitch, 45.0)
        dots = cv2.addWeighted(self.tone, HARDNESS, screen, -HARDNESS, 128.0 + 8.0 * HARDNESS)
        share = np.linspace(0.0, 1.0, 256)[:, None, None]
        ends = np.rint(table[:1] * (1.0 - share) + table[-1:] * share).astype(np.uint8)
        return premultiplied(np.asarray(cv2.applyColorMap(dots, ends), dtype=np.uint8), self.mask)


def cut_out(picture: Picture, subject: Subject) -> Cut:
    """The subject of a picture at the picture's size, cropped to what is seen of it."""
    mask = subject.mask
    left, top, width, height = cv2.boundingRect((mask >= SEEN).astype(np.uint8))
    part = np.s_[top : top + height, left : left + width]
    inside = np.ascontiguousarray(mask[part])
    colour = _fresh(_unfringed(np.ascontiguousarray(picture.pixels[part]), inside), inside)
    if min(width, height) < 900:
        colour = np.asarray(cv2.bilateralFilter(colour, 5, 18, 3), dtype=np.uint8)
    near = {
        "left": left <= 1,
        "top": top <= 1,
        "right": left + width >= mask.shape[1] - 1,
        "bottom": top + height >= mask.shape[0] - 1,
    }
    edges: frozenset[Edge] = frozenset(edge for edge in EDGES if near[edge])
    return Cut(colour, _tone(colour, inside), inside, edges)


def premultiplied(colour: Image, mask: Gray) -> Layer:
    """A layer of BGR pixels that are seen where the mask is."""
    share = cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR)
    shown = cv2.multiply(colour, share, scale=1.0 / 255.0)
    return np.ascontiguousarray(np.dstack([shown, mask]), dtype=np.uint8)


def widened(mask: Gray, reach: float, air: int, softness: float) -> Gray:
    """The mask grown by `reach` pixels in all directions, on a canvas with `air` pixels more at each side."""
    room = cv2.copyMakeBorder(mask, air, air, air, air, cv2.BORDER_CONSTANT, value=0)
    away = cv2.distanceTransform((room < 128).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    smooth = cv2.GaussianBlur(away, (0, 0), softness) if softness > 0.0 else away
    return np.asarray(np.clip((reach - smooth + 0.5) * 255.0, 0.0, 255.0), dtype=np.uint8)


def snipped(mask: Gray, most: float) -> Gray:
    """The mask with straight cuts for its outline, at most so many pixels beside it; holes are filled."""
    found, _ = cv2.findContours((mask >= 128).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    straight = [cv2.approxPolyDP(contour, most, closed=True) for contour in found]
    plain = np.zeros_like(mask)
    cv2.fillPoly(plain, straight, 255, cv2.LINE_AA)
    return plain


def _unfringed(colour: Image, mask: Gray) -> Image:
    """At the rim the colours from inside, so that the old background doesn't shine through."""
    reach = max(1.5, 0.006 * min(mask.shape))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(reach) + 1,) * 2)
    core = cv2.erode((mask >= INSIDE).astype(np.float32), kernel, borderValue=1.0)
    if not core.any():
        return colour
    weight = cv2.GaussianBlur(core, (0, 0), 2.5 * reach) + np.float32(1e-4)
    spread = cv2.GaussianBlur(colour.astype(np.float32) * core[..., None], (0, 0), 2.5 * reach) / weight[..., None]
    known = np.clip(weight * 50.0, 0.0, 1.0)[..., None]
    keep = cv2.GaussianBlur(core, (0, 0), 0.5 * reach)[..., None]
    rim = spread * known + colour * (1.0 - known)
    return np.asarray(np.clip(colour * keep + rim * (1.0 - keep), 0.0, 255.0), dtype=np.uint8)


def _fresh(colour: Image, mask: Gray) -> Image:
    """A washed-out or a dark subject with its tones and colours spread out, others as they are."""
    gray = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
    values = gray[mask >= INSIDE]
    low, high = (float(value) for value in np.percentile(values if values.size else gray, (1.5, 98.5)))
    gain = min(SPREAD / max(high - low, 1.0), MOST_GAIN)
    if gain <= 1.0:
        return colour
    at = DEEP + (np.arange(256) - low) * gain
    return np.asarray(cv2.LUT(colour, np.clip(np.rint(at), 0, 255).astype(np.uint8)), dtype=np.uint8)


def _tone(colour: Image, mask: Gray) -> Gray:
    """Lightness stretched over what the subject itself has, with a gentle S-curve and local contrast."""
    gray = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
    values = gray[mask >= INSIDE]
    low, high = np.percentile(values if values.size else gray, (1.5, 98.5))
    at = np.clip((np.arange(256) - float(low)) / max(float(high - low), 40.0), 0.0, 1.0)
    curve = (0.7 * at + 0.3 * at * at * (3.0 - 2.0 * at)) * 255.0
    stretched = cv2.LUT(gray, np.rint(curve).astype(np.uint8))
    return np.asarray(cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4)).apply(stretched), dtype=np.uint8)


def _sharpened(part: cv2.typing.MatLike, sigma: float) -> cv2.typing.MatLike:
    return cv2.addWeighted(part, 1.6, cv2.GaussianBlur(part, (0, 0), sigma), -0.6, 0.0)


def _firm(mask: cv2.typing.MatLike, scale: float) -> cv2.typing.MatLike:
    """The rim of an enlarged mask, smooth along and steep across it."""
    soft = cv2.GaussianBlur(mask, (0, 0), 0.9 * scale)
    steep = min(1.2 * scale, 6.0)
    return cv2.addWeighted(soft, steep, soft, 0.0, 127.5 * (1.0 - steep))
