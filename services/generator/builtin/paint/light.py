"""Light: graded grounds without steps, soft glows, bloom around what is bright. Small inside, so it is cheap."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from libs.picture.load import Image
from services.generator.builtin.paint.colour import Lab, bgr_of
from services.generator.builtin.paint.noise import dither

SMALL = 8
"""Pixels of the frame for one of a bloom."""


def gradient(width: int, height: int, stops: Sequence[tuple[float, Lab]], random: np.random.Generator) -> Image:
    """A ground that goes through the stops (place 0..1 from the top, colour), mixed in OKLab and dithered."""
    places = [place for place, _ in stops]
    colours = np.array([colour for _, colour in stops])
    at = np.linspace(0.0, 1.0, height)
    lab = np.stack([np.interp(at, places, colours[:, axis]) for axis in range(3)], axis=-1)
    rows = _fine(lab)[:, None, :]
    return np.asarray(np.clip(np.rint(rows + dither(random, height, width)[..., None]), 0, 255), dtype=np.uint8)


def bloom(image: Image, share: float, least: int = 0) -> None:
    """Add light around what is brighter than `least` (0..255), in place; `share` of it, blurred wide."""
    height, width = image.shape[:2]
    size = (max(1, width // SMALL), max(1, height // SMALL))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if least:
        small = cv2.subtract(small, np.full(3, least, np.uint8))
    soft = cv2.GaussianBlur(small, (0, 0), 3.2)
    glow = cv2.resize(cv2.convertScaleAbs(soft, alpha=share), (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.add(image, glow, dst=image)


def glow(image: Image, at: tuple[float, float], radius: float, colour: Lab, strength: float) -> None:
    """Mix a round soft light into a picture, in place. Costs too much for every frame: for what is made once."""
    height, width = image.shape[:2]
    left, right = (int(np.clip(at[0] + side * radius, 0, width)) for side in (-1.0, 1.0))
    top, bottom = (int(np.clip(at[1] + side * radius, 0, height)) for side in (-1.0, 1.0))
    x = (np.arange(left, right, dtype=np.float32) - np.float32(at[0])) / np.float32(radius)
    y = (np.arange(top, bottom, dtype=np.float32) - np.float32(at[1])) / np.float32(radius)
    far = np.minimum(np.hypot(y[:, None], x[None, :]), 1.0)
    cover = ((1.0 - far) ** 2 * np.float32(strength))[..., None]
    part = image[top:bottom, left:right]
    grain = dither(np.random.default_rng(0), *part.shape[:2])[..., None] if part.size else np.float32(0.0)
    mixed = part + (bgr_of(colour).astype(np.float32) - part) * cover + grain
    part[:] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _fine(lab: Lab) -> npt.NDArray[np.float32]:
    """BGR of 0..255 that keeps its fractions: the mean of what lies around it."""
    coded = bgr_of(lab).astype(np.float32)
    return np.asarray(cv2.blur(coded, (1, 9), borderType=cv2.BORDER_REPLICATE), dtype=np.float32)
