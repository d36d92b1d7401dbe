"""Colours in words, for models that draw from text. Pure."""

from __future__ import annotations

from math import atan2, degrees, hypot

from libs.picture.oklab import oklab_of

_HUES = (
    (14.0, "crimson"),
    (42.0, "red"),
    (72.0, "orange"),
    (98.0, "amber"),
    (120.0, "yellow"),
    (165.0, "green"),
    (205.0, "teal"),
    (240.0, "azure"),
    (280.0, "blue"),
    (312.0, "violet"),
    (340.0, "magenta"),
    (360.0, "pink"),
)
"""Up to which hue of OKLab, in degrees, a name goes."""
_GREYS = ((0.25, "black"), (0.5, "charcoal"), (0.75, "grey"), (0.9, "silver"), (2.0, "white"))
_GREY_CHROMA = 0.035
_DEEP, _PALE = 0.42, 0.85


def colour_name(colour: str) -> str:
    """The name of a colour given as #rrggbb: "deep blue", "orange", "charcoal"."""
    lightness, a, b = (float(value) for value in oklab_of(colour))
    if hypot(a, b) < _GREY_CHROMA:
        return next(name for limit, name in _GREYS if lightness < limit)
    hue = degrees(atan2(b, a)) % 360.0
    name = next(name for limit, name in _HUES if hue <= limit)
    return f"deep {name}" if lightness < _DEEP else f"pale {name}" if lightness > _PALE else name
