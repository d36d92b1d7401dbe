"""The look of each scene of a narrated video: by what is told in it and by seed. Pure.

A scene knows its own words and the look of the scene before, nothing else of the video: so a sentence that is
written anew leaves the others' pictures as they are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from libs.contracts.looks import LookEntry
from services.planner.casting import shows_picture
from services.planner.grounds import stands_out
from services.planner.palette import Ground
from services.planner.seeds import unit
from services.planner.setting import Setting
from services.planner.themes import told_looks

_MARK = 1.0
_OFF_ENERGY = 6.0
_TOLD = 1.5
"""What it is worth that a look shows what a word tells; little more for several words, so that a video about one
thing has other looks, too."""
_PICTURE = 1.8
"""What it is worth that the theme picture is seen."""
_CALM = 0.4
"""What it is worth that captions are easily read over it."""
_GROUNDS: tuple[tuple[Ground, float], ...] = (("own", 0.45), ("flip", 0.75), ("tint", 1.0))
"""Grounds, with the share of the scenes up to which each goes."""


class Shown(NamedTuple):
    """What a scene looks like."""

    look: LookEntry
    ground: Ground


def look_of(text: str, energy: float, setting: Setting, before: Shown | None) -> LookEntry:
    """The look for a text: that of the scene before only where there is no other. energy: the scene's, 0..1."""
    told = told_looks(text)

    def worth(entry: LookEntry) -> float:
        low, high = entry.energy
        value = _MARK * entry.mark - _OFF_ENERGY * max(low - energy, energy - high, 0.0)
        value += (
            _TOLD * math.sqrt(min(told.get(entry.name, 0), 2))
            + _PICTURE * shows_picture(entry)
            + _CALM * entry.carries_type
        )
        return value + _drawn(unit(setting.seed, "look", text, entry.name))

    others = [entry for entry in setting.looks if before is None or entry is not before.look]
    return max(others or setting.looks, key=worth)


def ground_of(text: str, look: LookEntry, before: Shown | None, seed: int) -> Ground:
    """What the scene stands on; where the look of the scene before goes on, it stands out from that."""
    share = unit(seed, "ground", text)
    wish = next(ground for ground, limit in _GROUNDS if share < limit)
    if before is None or look is not before.look or stands_out(before.ground, wish):
        return wish
    return "flip" if before.ground != "flip" else "own"


def _drawn(share: float) -> float:
    """Chance such that the best of several has odds as the exponential of its worth (Gumbel's)."""
    return -math.log(-math.log(min(max(share, 1e-9), 1.0 - 1e-9)))
