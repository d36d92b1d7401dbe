"""Colour: a palette's inks in OKLab, and tables that turn one channel into a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import atan2, cos, pi, radians, sin
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from libs.contracts.storyboard import Palette
from libs.picture.oklab import Lab, bgr_of, mix, oklab_of, toned_down

__all__ = ["Bgr", "Inks", "Lab", "Table", "bgr_of", "even_ramp", "mix", "oklab_of", "ramp", "solid"]

Table: TypeAlias = npt.NDArray[np.uint8]
"""256 x 1 x 3, BGR, for `cv2.applyColorMap`."""
Bgr: TypeAlias = tuple[int, int, int]

_HUED = 0.05
"""A colour of less chroma has no hue that could oppose another."""
_CLEAR = 0.62
"""Two colours meet in grey if their middle has less than so much of their chroma."""
_KEPT = 0.8
"""The chroma where they meet then, in parts of their own."""
_EVENING = radians(355.0)
"""The hue that they meet near."""


def solid(lab: Lab) -> Bgr:
    """One colour as OpenCV's drawing calls take it."""
    blue, green, red = (int(channel) for channel in bgr_of(lab))
    return blue, green, red


@dataclass(frozen=True)
class Inks:
    """The palette's five roles in OKLab."""

    ground: Lab
    low: Lab
    mid: Lab
    accent: Lab
    light: Lab

    @classmethod
    def of(cls, palette: Palette) -> Inks:
        """The inks of a storyboard's palette."""
        roles = (palette.ground, palette.low, palette.mid, palette.accent, palette.light)
        return cls(*(oklab_of(role) for role in roles))

    @property
    def row(self) -> tuple[Lab, Lab, Lab, Lab, Lab]:
        """From the ground to the light."""
        return self.ground, self.low, self.mid, self.accent, self.light

    @property
    def by_lightness(self) -> list[Lab]:
        """From the darkest to the lightest."""
        return sorted(self.row, key=lambda ink: float(ink[0]))


def ramp(stops: Sequence[tuple[float, Lab]]) -> Table:
    """A table of 256 colours through the stops (place 0..1, colour), interpolated in OKLab."""
    places = [place for place, _ in stops]
    colours = np.array([colour for _, colour in stops])
    at = np.linspace(0.0, 1.0, 256)
    lab = np.stack([np.interp(at, places, colours[:, axis]) for axis in range(3)], axis=-1)
    return bgr_of(lab).reshape(256, 1, 3)


def clear_ramp(stops: Sequence[tuple[float, Lab]]) -> Table:
    """Like `ramp`, but where two colours would meet in grey they meet in purple or red, as an evening sky does."""
    bridged = [*stops]
    for (place, one), (after, other) in pairwise(stops):
        middle = clear_mix(one, other, 0.5)
        bridged.append((0.5 * (place + after), middle))
    return ramp(sorted(bridged, key=lambda stop: stop[0]))


def clear_mix(one: Lab, other: Lab, share: float) -> Lab:
    """Like `mix`, but opposite hues meet in purple or red, not in grey."""
    chroma, its = float(np.hypot(one[1], one[2])), float(np.hypot(other[1], other[2]))
    middle = mix(one, other, 0.5)
    if min(chroma, its) < _HUED or float(np.hypot(middle[1], middle[2])) >= _CLEAR * 0.5 * (chroma + its):
        return mix(one, other, share)
    first, second = atan2(one[2], one[1]), atan2(other[2], other[1])
    ways = (0.5 * (first + second), 0.5 * (first + second) + pi)
    hue = max(ways, key=lambda way: cos(way - _EVENING))
    strong = 0.5 * _KEPT * (chroma + its)
    middle = toned_down(np.array([middle[0], strong * cos(hue), strong * sin(hue)]))
    return mix(one, middle, 2.0 * share) if share < 0.5 else mix(middle, other, 2.0 * share - 1.0)


def even_ramp(colours: Sequence[Lab]) -> Table:
    """A table through the colours at equal distances."""
    return ramp([(index / (len(colours) - 1), colour) for index, colour in enumerate(colours)])
