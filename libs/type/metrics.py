"""How tall a face is made: typefaces of one size differ."""

from __future__ import annotations

from functools import lru_cache

from fontTools.ttLib import TTFont

from libs.type.faces import Face


@lru_cache(maxsize=64)
def line_height(face: Face) -> float:
    """From the highest to the lowest that the face reckons with, in parts of its size. Subtitle renderers fit this
    to the size that they are told, so that faces with room for tall marks come out small."""
    with TTFont(face.path, lazy=True) as font:
        measures = font["OS/2"]
        return float(measures.usWinAscent + measures.usWinDescent) / float(font["head"].unitsPerEm)
