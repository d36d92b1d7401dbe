"""Layers over each other: mixed by a share, lit by a small field, seen through a graded print of the photograph."""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike

from services.generator.builtin.looks.stage import Frame
from services.generator.builtin.paint.colour import Inks, Lab
from services.generator.builtin.paint.grading import Key, graded
from services.generator.builtin.paint.noise import Field
from services.generator.builtin.picture.framing import Framing

GAIN_ONE = 200.0
"""The level of a gain field that leaves a picture as it is."""

TINT = 0.66
"""A photograph that keeps all of its own colour gives up so much of the palette's: the rest tints it."""
VIVID = 26.0
"""Colour, in levels away from grey, that isn't made any stronger."""
GAIN = (0.92, 2.8)
"""How far colour follows where the grading makes a place lighter or darker."""
SKIN = 0.8
"""How much less of the palette's tint a subject has."""


def blended(over: MatLike, under: MatLike, share: MatLike) -> Frame:
    """`over` by its share (height x width, 0..255) on `under`. Half the time of `cv2.blendLinear`."""
    part = cv2.merge([share, share, share])
    first = cv2.multiply(over, part, scale=1.0 / 255.0)
    second = cv2.multiply(under, cv2.bitwise_not(part), scale=1.0 / 255.0)
    return np.asarray(cv2.add(first, second), dtype=np.uint8)


def laid_over(image: MatLike, premultiplied: MatLike) -> Frame:
    """A layer of four channels, its colours multiplied by its alpha, on an image of the same size."""
    blue, green, red, alpha = cv2.split(premultiplied)
    rest = cv2.bitwise_not(alpha)
    under = cv2.multiply(image, cv2.merge([rest, rest, rest]), scale=1.0 / 255.0)
    return np.asarray(cv2.add(under, cv2.merge([blue, green, red])), dtype=np.uint8)


def lit(image: MatLike, light: Field) -> Frame:
    """The image under a small field of light: 0 leaves it, +-50 are a quarter more or less."""
    height, width = image.shape[:2]
    level = np.clip(np.rint(light + np.float32(GAIN_ONE)), 0, 255).astype(np.uint8)
    gain = cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(image, cv2.merge([gain, gain, gain]), scale=1.0 / GAIN_ONE), dtype=np.uint8)


def photograph(framing: Framing, inks: Inks, key: Key, body: Lab, keep: float) -> Frame:
    """The picture in its own colours and the palette's at once.

    Its lightness goes through the grading; `keep` (0..1) is how much of its own colour it keeps. A known subject
    is tinted less than its ground: skin stays skin.
    """
    table = graded(inks, key, body)
    print_ = cv2.cvtColor(cv2.applyColorMap(framing.tone, table), cv2.COLOR_BGR2YCrCb)
    own = cv2.cvtColor(framing.source, cv2.COLOR_BGR2YCrCb)
    if framing.mask is not None:
        print_ = _paler(print_, framing.mask)
    level, was = (cv2.split(colours)[0].astype(np.float32) + np.float32(8.0) for colours in (print_, own))
    away = own[..., 1:].astype(np.float32) - np.float32(128.0)
    strong = np.maximum(np.abs(away).max(axis=-1), np.float32(1.0))
    most = np.maximum(np.float32(VIVID) / strong, np.float32(1.0))
    gain = np.clip(level / was, GAIN[0], np.minimum(most, np.float32(GAIN[1])))[..., None] * np.float32(keep)
    tint = np.float32(1.0 - TINT * keep)
    middle = np.float32(128.0)
    chroma = middle + (print_[..., 1:] - middle) * tint + away * gain
    mixed = np.dstack([print_[..., :1], np.clip(np.rint(chroma), 0, 255).astype(np.uint8)])
    return np.asarray(cv2.cvtColor(mixed, cv2.COLOR_YCrCb2BGR), dtype=np.uint8)


def _paler(colours: MatLike, mask: MatLike) -> MatLike:
    """YCrCb with less of its colour where the mask is."""
    rest = cv2.LUT(mask, np.rint(255.0 - SKIN * np.arange(256)).astype(np.uint8))
    luma, *chroma = cv2.split(colours)
    grey = cv2.multiply(cv2.bitwise_not(rest), np.full_like(rest, 128), scale=1.0 / 255.0)
    return cv2.merge([luma, *(cv2.add(cv2.multiply(part, rest, scale=1.0 / 255.0), grey) for part in chroma)])
