"""How wide captions are set: measured in the face that each word is drawn in."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from PIL import ImageFont

from libs.type.coverage import choose_face
from libs.type.faces import FACES, Face
from libs.type.metrics import line_height

FONT = FACES["caption"][0]
"""What captions are set in, where it has their letters."""
_PIXELS = 64
"""At which widths are measured."""


class Setting(NamedTuple):
    """Captions of this size, as ASS reckons it, in rows of at most `room` pixels."""

    size: float
    room: float

    def width(self, text: str) -> float:
        """Pixels from the text's first to its last letter."""
        return _width(text, face_of(text)) * self.size / line_height(FONT)


@lru_cache(maxsize=4096)
def face_of(text: str) -> Face:
    """The face that has the text's letters; the usual one when none has."""
    return choose_face("caption", text) or FONT


@lru_cache(maxsize=4096)
def _width(text: str, face: Face) -> float:
    """In parts of the face's size."""
    return float(_opened(face).getlength(text)) / _PIXELS


@lru_cache(maxsize=32)
def _opened(face: Face) -> ImageFont.FreeTypeFont:
    opened = ImageFont.truetype(str(face.path), _PIXELS)
    if face.axes:
        weight, width = face.axes
        opened.set_variation_by_axes(
            [weight if (axis["maximum"] or 0) > 200 else width for axis in opened.get_variation_axes()]
        )
    return opened
