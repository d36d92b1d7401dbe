"""Five colours for a song, from its theme picture or else from the music, mixed in OKLab. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from libs.contracts.analysis import Analysis, Key
from libs.contracts.storyboard import Palette
from libs.picture.facts import PictureFacts
from libs.picture.oklab import from_lch, hex_of, toned_down
from services.planner.seeds import unit

_FIFTHS = ("C", "G", "D", "A", "E", "B", "F#", "C#", "Ab", "Eb", "Bb", "F")
_DARK = (0.14, 0.30, 0.50, 0.72, 0.94)
_LIGHT = (0.95, 0.82, 0.64, 0.48, 0.20)
_MUD_BELOW = 0.65
_MUD = (48.0, 165.0)
"""Hues in degrees that are brown, olive and drab green below this lightness."""

Ground = Literal["own", "flip", "tint", "blaze"]
"""What a scene stands on: the song's ground, its opposite in lightness, its accent, or its middle ink."""


@dataclass(frozen=True)
class Colour:
    """A colour in OKLCh: lightness 0..1, chroma, hue in degrees."""

    lightness: float
    chroma: float
    hue: float


def choose_palette(analysis: Analysis, energy: float, picture: PictureFacts | None, seed: int) -> Palette:
    """The palette of a whole song: the picture's, if there is one with colours of its own, else the music's.

    energy: mean of the song, 0..1.
    """
    if picture is not None and picture.usable and not picture.grey:
        return picture_palette(picture, energy, analysis.brightness, seed)
    return song_palette(analysis.key, energy, analysis.brightness, seed)


def picture_palette(picture: PictureFacts, energy: float, brightness: float, seed: int) -> Palette:
    """The palette of a picture: its main hue for the accent, the hue that it stands against for the rest.

    A light picture, or a bright sound with one that is not dark, picks the light set; the seed turns the hues
    by up to 8 degrees and moves the lot to the darker or lighter set where neither is called for.
    """
    turn = 16.0 * (unit(seed, "hue") - 0.5)
    bright = 0.6 * picture.lightness + 0.4 * brightness + 0.16 * (unit(seed, "set") - 0.5)
    strong = min(max(picture.chroma, 0.10) + 0.04 * (energy - 0.5), 0.19)
    return _inks(picture.ground_hue + turn, picture.hue + turn, strong, light=bright > 0.56)


def song_palette(key: Key, energy: float, brightness: float, seed: int) -> Palette:
    """The palette of a whole song.

    Minor leans blue and major warm, each step on the circle of fifths turns the hue by 15 degrees, the seed
    by up to 30; the accent stands apart the more energy there is; a bright sound picks the light set.
    """
    steps = (_FIFTHS.index(key.tonic) + 6) % 12 - 6 if key.tonic in _FIFTHS else 0
    hue = (265.0 if key.mode == "minor" else 40.0) + 15.0 * steps + 60.0 * (unit(seed, "hue") - 0.5)
    side = 1.0 if unit(seed, "accent") < 0.5 else -1.0
    chroma = 0.07 + 0.13 * energy
    apart = 35.0 + 85.0 * energy
    light = brightness > 0.5
    accent = (hue + side * apart) % 360.0
    if light and _MUD[0] < accent < _MUD[1]:
        accent = (hue - side * apart) % 360.0
    return _inks(hue, accent, max(chroma, 0.12), light=light)


def _inks(hue: float, accent: float, chroma: float, *, light: bool) -> Palette:
    """The five roles of a ground's hue and an accent's."""
    ground, low, mid, high, top = _LIGHT if light else _DARK
    return Palette(
        ground=to_hex(_clean(ground, 0.035, hue)),
        low=to_hex(_clean(low, max(chroma / 2.0, 0.06), hue)),
        mid=to_hex(_clean(mid, max(chroma, 0.11), hue)),
        accent=to_hex(_clean(high, max(chroma, 0.13), accent)),
        light=to_hex(_clean(top, 0.05, accent)),
    )


def on_ground(song: Palette, ground: Ground) -> Palette:
    """The song's colours in other roles. None is added, so that the scenes of a song belong together."""
    ink = song
    match ground:
        case "flip":
            return Palette(ground=ink.light, low=ink.accent, mid=ink.mid, accent=ink.low, light=ink.ground)
        case "tint":
            return Palette(ground=ink.accent, low=ink.mid, mid=ink.low, accent=ink.light, light=ink.ground)
        case "blaze":
            return Palette(ground=ink.mid, low=ink.accent, mid=ink.light, accent=ink.low, light=ink.ground)
        case _:
            return song


def _clean(lightness: float, chroma: float, hue: float) -> Colour:
    """The colour, or its nearest neighbour that isn't mud: middle lightness in brown or olive is turned to
    red or teal."""
    hue %= 360.0
    if lightness < _MUD_BELOW and _MUD[0] < hue < _MUD[1]:
        hue = _MUD[0] - 20.0 if hue < sum(_MUD) / 2.0 else _MUD[1] + 10.0
    return Colour(lightness, chroma, hue)


def to_hex(colour: Colour) -> str:
    """#rrggbb in sRGB; chroma is lowered until the colour exists there."""
    return hex_of(toned_down(from_lch(colour.lightness, colour.chroma, colour.hue)))
