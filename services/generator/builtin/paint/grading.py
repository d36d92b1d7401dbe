"""Gradings of the theme picture: its tone through the palette's inks, never as a negative."""

from __future__ import annotations

from math import atan2, degrees
from typing import Literal

import numpy as np

from services.generator.builtin.paint.colour import Inks, Lab, Table, mix, ramp

Key = Literal["night", "colour", "paper"]

_MUD = (48.0, 165.0)
"""Hues in degrees that turn brown or olive when they are darkened."""


def key_of(inks: Inks) -> Key:
    """What the scene stands on, by its ground's lightness."""
    lightness = float(inks.ground[0])
    return "night" if lightness < 0.40 else "paper" if lightness > 0.80 else "colour"


def graded(inks: Inks, key: Key, body: Lab, breath: float = 0.0) -> Table:
    """The table of a grading around `body`, the ink of its middle tones; `breath` lifts them a little.

    A night has deep shade and coloured lights, a coloured one is a poster of the body, paper is pale with
    coloured shade.
    """
    dark, _, _, high, light = inks.by_lightness
    match key:
        case "night":
            stops = [
                (0.0, dark),
                (0.30, mix(dark, body, 0.55)),
                (0.58, mix(dark, body, 0.96)),
                (0.82, mix(body, high, 0.8)),
            ]
            last = mix(high, light, 0.7)
        case "colour":
            stops = [
                (0.0, mix(dark, body, 0.22)),
                (0.24, mix(dark, body, 0.66)),
                (0.50, body),
                (0.78, mix(body, light, 0.6)),
            ]
            last = light
        case "paper":
            shade = mix(dark, body, 0.8)
            stops = [
                (0.0, mix(dark, body, 0.4)),
                (0.20, shade),
                (0.42, mix(body, light, 0.30)),
                (0.66, mix(body, light, 0.78)),
            ]
            last = light
    moved = [(max(0.0, place - breath) if place else 0.0, ink) for place, ink in stops]
    return ramp([*moved, (1.0, last)])


def body_of(inks: Inks, key: Key) -> Lab:
    """The ink of the middle tones where one grading is enough."""
    return inks.ground if key == "colour" else inks.by_lightness[2]


def inked(inks: Inks, key: Key) -> tuple[Lab, Lab]:
    """Ink and paper of a print in one ink: far enough apart in lightness, the paper lighter."""
    dark, low, _, high, light = inks.by_lightness
    match key:
        case "night":
            return dark, mix(high, light, 0.45)
        case "paper":
            return mix(dark, low, 0.75), light
        case "colour":
            return (dark, inks.ground) if float(inks.ground[0]) >= 0.60 else (inks.ground, light)


def two_bodies(inks: Inks, key: Key) -> tuple[Lab, Lab]:
    """Two inks of one lightness, far apart in colour, for two gradings of one picture. None is brown or olive."""
    _, low, mid, high, _ = inks.by_lightness
    first = {"night": mid, "colour": inks.ground, "paper": mid}[key]
    others = [ink for ink in (low, mid, high) if not _muddy(ink)] or [mid]
    second = max(others, key=lambda ink: float(np.hypot(*(ink - first)[1:])))
    level = float(first[0] + second[0]) / 2.0
    return np.array([level, first[1], first[2]]), np.array([level, second[1], second[2]])


def _muddy(ink: Lab) -> bool:
    return _MUD[0] < degrees(atan2(float(ink[2]), float(ink[1]))) % 360.0 < _MUD[1]
