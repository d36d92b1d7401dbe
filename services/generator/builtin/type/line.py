"""Line: light serif italic; each word rises and fades in as it is sung, and all leave together."""

from __future__ import annotations

from collections.abc import Sequence

from services.generator.builtin.easing import smooth
from services.generator.builtin.looks.stage import Frame, Stage
from services.generator.builtin.paint.colour import solid
from services.generator.builtin.type.blend import lay, lay_still
from services.generator.builtin.type.layer import LyricLayer
from services.generator.builtin.type.phrases import Phrase
from services.generator.builtin.type.room import Place
from services.generator.builtin.type.setting import Block, Style

RISE_S = 0.42
RISE_PX = 18.0
"""At a shorter side of 720, as sizes are."""


class Line(LyricLayer):
    """Quiet lyrics: for verses and for calm grounds."""

    def set_in(self, stage: Stage) -> Style:
        size = 84.0 if self.area.wide else 72.0
        return Style("italic", size * stage.unit, 1.12)

    def places(self) -> Sequence[Place]:
        if self.area.wide:
            beside = [Place(side, 0.56, share) for share in (0.66, 0.42, 0.36) for side in self.sides]
            return [*beside, Place(self.sides[0], 0.84, 1.0), Place(self.sides[0], 0.18, 1.0)]
        return [Place(self.sides[0], middle) for middle in (0.5 if self.area.upright else 0.56, 0.68, 0.82, 0.22)]

    def draw_phrase(self, frame: Frame, time: float, phrase: Phrase, block: Block, origin: tuple[int, int]) -> None:
        ink = solid(self.inks.paper)
        gone = self.left(phrase, time)
        for place in block.placed:
            come = (time - place.word.start) / RISE_S
            if come <= 0.0:
                continue
            risen = 1.0 - (1.0 - min(come, 1.0)) ** 3
            shift = RISE_PX * self.stage.unit * (1.0 - risen - 0.6 * gone)
            where = (
                round(origin[0] + place.x) + place.mask.left,
                round(origin[1] + place.y) + place.mask.top + shift,
            )
            if come >= 1.0 and gone <= 0.0:
                lay_still(frame, place.mask, (where[0], round(where[1])), ink)
            else:
                lay(frame, place.mask.alpha, where, ink, smooth(come) * (1.0 - gone))
