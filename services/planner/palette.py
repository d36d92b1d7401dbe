"""Five colours from the music, mixed in OKLab. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from libs.contracts.analysis import Key
from libs.contracts.storyboard import Palette
from services.planner.seeds import unit

_FIFTHS = ("C", "G", "D", "A", "E", "B", "F#", "C#", "Ab", "Eb", "Bb", "F")
_DARK = (0.14, 0.30, 0.50, 0.72, 0.94)
_LIGHT = (0.95, 0.82, 0.64, 0.48, 0.20)


@dataclass(frozen=True)
class Colour:
    """A colour in OKLCh: lightness 0..1, chroma, hue in degrees."""

    lightness: float
    chroma: float
    hue: float


def song_palette(key: Key, energy: float, brightness: float, seed: int) -> Palette:
    """The palette of a whole song.

    Minor leans blue and major warm, each step on the circle of fifths turns the hue by 15 degrees; the
    accent stands apart the more energy there is; a bright sound picks the light set.
    """
    steps = (_FIFTHS.index(key.tonic) + 6) % 12 - 6 if key.tonic in _FIFTHS else 0
    hue = (265.0 if key.mode == "minor" else 40.0) + 15.0 * steps
    side = 1.0 if unit(seed, "accent") < 0.5 else -1.0
    accent = _clean(hue + side * (35.0 + 85.0 * energy))
    chroma = 0.07 + 0.13 * energy
    ground, low, mid, high, light = _LIGHT if brightness > 0.5 else _DARK
    return Palette(
        ground=to_hex(Colour(ground, 0.035, hue)),
        low=to_hex(Colour(low, chroma / 2.0, hue)),
        mid=to_hex(Colour(mid, chroma, _clean(hue) if mid < 0.65 else hue)),
        accent=to_hex(Colour(high, chroma, accent)),
        light=to_hex(Colour(light, 0.05, accent)),
    )


def section_palette(song: Palette, section: str) -> Palette:
    """The song's colours in other roles: a chorus stands on the second ground, a bridge swaps its inks."""
    if section == "chorus":
        return Palette(ground=song.low, low=song.ground, mid=song.mid, accent=song.accent, light=song.light)
    if section == "bridge":
        return Palette(ground=song.ground, low=song.low, mid=song.accent, accent=song.mid, light=song.light)
    return song


def _clean(hue: float) -> float:
    """Dark hues between 80 and 140 degrees look muddy: 45 degrees away from them."""
    hue %= 360.0
    if 80.0 <= hue <= 140.0:
        return hue - 45.0 if hue < 110.0 else hue + 45.0
    return hue


def to_hex(colour: Colour) -> str:
    """#rrggbb in sRGB; chroma is lowered until the colour exists there. OKLab after Ottosson (2020)."""
    chroma = colour.chroma
    while True:
        linear = _linear_rgb(colour.lightness, chroma, math.radians(colour.hue))
        if all(-1e-4 <= value <= 1.0001 for value in linear) or chroma < 1e-4:
            break
        chroma *= 0.95
    return "#" + "".join(f"{round(255 * _gamma(min(max(value, 0.0), 1.0))):02x}" for value in linear)


def _linear_rgb(lightness: float, chroma: float, angle: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(angle), chroma * math.sin(angle)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )


def _gamma(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
