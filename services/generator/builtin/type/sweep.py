"""Sweep: a large centred line low in the frame, filled word by word as it is sung."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.generator.builtin.easing import smooth
from services.generator.builtin.looks.stage import Frame, Stage
from services.generator.builtin.paint.colour import solid
from services.generator.builtin.type.blend import lay, lay_still
from services.generator.builtin.type.layer import LyricLayer
from services.generator.builtin.type.phrases import Phrase
from services.generator.builtin.type.raster import Alpha
from services.generator.builtin.type.room import Place
from services.generator.builtin.type.setting import Block, Placed, Style

FAINT = 0.42
COME_S = 0.28
EDGE = 0.18
"""The soft edge of the fill, in parts of the size."""


class Sweep(LyricLayer):
    """Lyrics to sing along with."""

    ahead = 0.45
    most_rows = 2

    def set_in(self, stage: Stage) -> Style:
        size = 66.0 if self.area.wide else 68.0
        return Style("grotesk", size * stage.unit, 1.14, -0.01)

    def places(self) -> Sequence[Place]:
        low = 0.68 if self.area.upright else 0.815
        return [Place("centre", low), Place("centre", 0.18)]

    def draw_phrase(self, frame: Frame, time: float, phrase: Phrase, block: Block, origin: tuple[int, int]) -> None:
        here = smooth((time - phrase.start + self.ahead) / COME_S) * (1.0 - self.left(phrase, time))
        paper = solid(self.inks.paper)
        rise = 0.14 * block.size * (1.0 - smooth((time - phrase.start + self.ahead) / COME_S))
        for place in block.placed:
            where = (
                round(origin[0] + place.x) + place.mask.left,
                round(origin[1] + place.y) + place.mask.top + rise,
            )
            done = (time - place.word.start) / max(place.word.end - place.word.start, 0.06)
            if here >= 1.0 and not 0.0 < done < 1.0:
                lay_still(frame, place.mask, (where[0], round(where[1])), paper, 1.0 if done >= 1.0 else FAINT)
                continue
            if done < 1.0:
                lay(frame, place.mask.alpha, where, paper, FAINT * here)
            if done > 0.0:
                lay(frame, _filled(place, done, EDGE * block.size), where, paper, here)


def _filled(place: Placed, done: float, edge: float) -> Alpha:
    """The part of a word that has been sung, from where it begins to read."""
    alpha = place.mask.alpha
    if done >= 1.0:
        return alpha
    columns = np.arange(place.mask.width, dtype=np.float32) + 0.5
    if not place.rightward:
        columns = columns[::-1]
    front = done * (place.mask.width + edge)
    part = np.clip((front - columns) / max(edge, 1.0), 0.0, 1.0)
    return np.asarray(np.rint(alpha * part[None, :]), dtype=np.uint8)
