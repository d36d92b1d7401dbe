"""Five colours for a song, from its theme picture or else from the music, mixed in OKLab. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from libs.contracts.analysis import Analysis, Key
from libs.contracts.storyboard import Palette
from libs.picture.facts import PictureFacts
from libs.picture.oklab import from_lch, hex_of, toned_down
from services.planner.seeds import choice, unit

_FIFTHS = ("C", "G", "D", "A", "E", "B", "F#", "C#", "Ab", "Eb", "Bb", "F")
_DARK = (0.16, 0.31, 0.52, 0.74, 0.94)
_LIGHT = (0.95, 0.83, 0.63, 0.48, 0.19)
_LIGHT_WARM = (0.95, 0.83, 0.47, 0.69, 0.19)
"""Lightness of ground, low, mid, accent and light; orange needs to be light, or it is brown."""
_ORANGES = (28.0, 95.0)
_DULL = (30.0, 225.0)
"""Hues in degrees that are brown, olive and drab green in middle lightness: inks of it avoid them."""
_BROWN = (8.0, 96.0)
"""Hues that are brown and olive where it is dark; wine is not."""
_GREENS = (80.0, 215.0)
"""Accents that no red ground goes with."""
_NIGHT = 268.0
_MIXABLE = 115.0
"""Degrees beyond which two inks mix to grey."""
_ONE_COLOURED = 45.0
"""Degrees within which ground and accent are one colour, so that the middle ink has to be another."""
_FUCHSIA = (305.0, 350.0)
"""Hues that are loud enough with less chroma."""
_GREEN = (138.0, 182.0)
"""Hues that glare with all their chroma."""
_PAPER = 82.0
_LIME = (80.0, 152.0)
"""Hues that are mustard and lime even where it is lighter."""
_DEEP = (232.0, 258.0, 283.0, 316.0, 345.0)
"""Hues that a dark ground has well."""
_ONE_HUED = 150.0
"""A picture whose ground's hue lies just so far from the main one has no second hue of its own."""

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
    """The palette of a picture: its main hue for the accent, before its second hue, or one that suits the first.

    A light picture or a bright sound lean to the light set. The seed turns the hues by up to 8 degrees, and
    chooses what suits.
    """
    turn = 16.0 * (unit(seed, "hue") - 0.5)
    accent, ground = picture.hue, picture.ground_hue
    alone = abs((ground - accent) % 360.0 - _ONE_HUED) < 0.5
    if not alone and _between(accent, _GREENS) and not _between(ground, _GREENS):
        accent, ground = ground, accent
    if alone or _between(ground, _DULL):
        kept = [hue for hue in _DEEP if _distance(hue, accent) > 50.0]
        ground = choice([*kept, ground] if _between(ground, (185.0, 225.0)) else kept, seed, "ground")
    bright = 0.6 * picture.lightness + 0.4 * brightness + 0.3 * (unit(seed, "set") - 0.5)
    chroma = max(picture.chroma, 0.12 + 0.06 * energy)
    return _inks((ground + turn, accent + turn), chroma, seed, light=bright > 0.58)


def song_palette(key: Key, energy: float, brightness: float, seed: int) -> Palette:
    """The palette of a song without a picture.

    Minor leans blue and major warm, each step on the circle of fifths turns the hue by 15 degrees, the seed
    by up to 30; the accent stands apart the more energy there is; a bright sound picks the light set.
    """
    steps = (_FIFTHS.index(key.tonic) + 6) % 12 - 6 if key.tonic in _FIFTHS else 0
    hue = (265.0 if key.mode == "minor" else 350.0) + 15.0 * steps + 60.0 * (unit(seed, "hue") - 0.5)
    side = 1.0 if unit(seed, "accent") < 0.5 else -1.0
    accent = hue + side * (35.0 + 85.0 * energy)
    light = brightness + 0.2 * (unit(seed, "set") - 0.5) > 0.52
    return _inks((hue, accent), 0.10 + 0.09 * energy, seed, light=light)


def _inks(hues: tuple[float, float], chroma: float, seed: int, *, light: bool) -> Palette:
    """The five roles, from the hues of the ground and the accent in degrees.

    The middle ink is the ground's, or lies between the two, or beside the accent, by seed; light grounds are
    tinted or warm as paper.
    """
    ground, accent = hues[0] % 360.0, hues[1] % 360.0
    if _between(accent, _GREENS) and (ground < 60.0 or ground > 320.0):
        ground = _NIGHT
    levels = _DARK if not light else _LIGHT_WARM if _between(accent, _ORANGES) else _LIGHT
    aside = 38.0 if _between(accent, (100.0, 330.0)) else -32.0
    middles = (ground, ground + 0.45 * _way(ground, accent), accent + aside)
    clear = [
        hue
        for hue in middles
        if not _between(hue % 360.0, _DULL) and _distance(hue, accent) < _MIXABLE + 35.0 * light
    ]
    shown = _clean(levels[3], chroma, accent).hue
    if _distance(_clean(levels[1], chroma, ground).hue, shown) < _ONE_COLOURED:
        clear = [hue for hue in (shown + 75.0, shown - 75.0, shown + 105.0) if not _between(hue % 360.0, _DULL)]
    middle = choice(clear or [_NIGHT], seed, "middle")
    paper = light and unit(seed, "paper") < 0.5
    return Palette(
        ground=to_hex(_clean(levels[0], 0.03 if light else 0.055, _PAPER if paper else ground)),
        low=to_hex(_clean(levels[1], max(0.5 * chroma, 0.07), ground)),
        mid=to_hex(_clean(levels[2], max(chroma + 0.02, 0.14), middle)),
        accent=to_hex(_clean(levels[3], max(chroma, 0.15), accent)),
        light=to_hex(_clean(levels[4], 0.06, ground) if light else _clean(levels[4], 0.04, accent)),
    )


def _way(start: float, end: float) -> float:
    """Degrees from one hue to the other, the short way or, where that leads through greens, the other one."""
    short = (end - start + 180.0) % 360.0 - 180.0
    if _between((start + 0.5 * short) % 360.0, (75.0, 215.0)):
        return short - 360.0 if short > 0.0 else short + 360.0
    return short


def _between(hue: float, span: tuple[float, float]) -> bool:
    return span[0] < hue < span[1]


def _distance(one: float, other: float) -> float:
    return abs((one - other + 180.0) % 360.0 - 180.0)


def _clean(lightness: float, chroma: float, hue: float) -> Colour:
    """The colour, or its nearest neighbour that isn't mud.

    What is darker than half-way turns from brown, olive and drab green to red or blue, the darkest to petrol too;
    lime turns to gold or mint; gold is lighter.
    """
    hue %= 360.0
    deep = lightness < 0.4
    if deep and _between(hue, _BROWN):
        hue = _BROWN[0]
    elif lightness < 0.66 and _between(hue, _DULL):
        along = (hue - _DULL[0]) / (_DULL[1] - _DULL[0])
        if along < 0.4:
            hue, chroma = _DULL[0] - 35.0 * along, chroma + (0.0 if deep else 0.02)
        else:
            hue = 200.0 + 40.0 * along if deep else 225.0 + 60.0 * (1.0 - along)
    elif _between(hue, _LIME):
        hue = _LIME[0] - 4.0 if hue < sum(_LIME) / 2.0 else _LIME[1] + 8.0
    if _between(hue, _FUCHSIA):
        chroma *= 0.85
    elif _between(hue, _GREEN):
        chroma *= 0.72
    if 0.66 < lightness < 0.8:
        lightness += 0.08 * max(0.0, 1.0 - abs(hue - 88.0) / 30.0)
    return Colour(lightness, chroma, hue)


def on_ground(song: Palette, ground: Ground) -> Palette:
    """The song's colours in other roles. None is added, so that the scenes of a song belong together.

    The accent stays one of the two strong inks.
    """
    ink = song
    match ground:
        case "flip":
            return Palette(ground=ink.light, low=ink.accent, mid=ink.low, accent=ink.mid, light=ink.ground)
        case "tint":
            return Palette(ground=ink.accent, low=ink.low, mid=ink.light, accent=ink.mid, light=ink.ground)
        case "blaze":
            return Palette(ground=ink.mid, low=ink.low, mid=ink.light, accent=ink.accent, light=ink.ground)
        case _:
            return song


def to_hex(colour: Colour) -> str:
    """#rrggbb in sRGB; chroma is lowered until the colour exists there."""
    return hex_of(toned_down(from_lch(colour.lightness, colour.chroma, colour.hue)))
