"""Stack: heavy rows; the word being sung in the accent, sung ones in paper white, those to come faint."""

from __future__ import annotations

from collections.abc import Sequence

from services.generator.builtin.easing import expo_out, smooth
from services.generator.builtin.looks.stage import Frame, Stage
from services.generator.builtin.paint.colour import mix, solid
from services.generator.builtin.type.blend import lay, lay_still
from services.generator.builtin.type.layer import LyricLayer
from services.generator.builtin.type.phrases import Phrase
from services.generator.builtin.type.room import Place
from services.generator.builtin.type.setting import Block, Style

FAINT = 0.26
LIGHT_UP_S = 0.09
SETTLE_S = 0.30
RISE_S = 0.45
STAGGER_S = 0.05
LARGER = 1.3
"""A short phrase is set so much larger at most."""


class Stack(LyricLayer):
    """Loud lyrics: a poster that is sung."""

    ahead = 0.35
    accented = True

    def set_in(self, stage: Stage) -> Style:
        size = 118.0 if self.area.wide else 96.0
        return Style("grotesk", size * stage.unit, 1.0, -0.02)

    def places(self) -> Sequence[Place]:
        if self.area.wide:
            beside = [Place(side, 0.5, share) for share in (0.62, 0.46, 0.40) for side in self.sides]
            return [*beside, Place(self.sides[0], 0.8, 1.0)]
        return [Place(self.sides[0], middle) for middle in (0.5, 0.7, 0.25)]

    def _block(self, phrase: Phrase) -> Block:
        """Short phrases fill more of the width; long ones stay at the style's size."""
        block = super()._block(phrase)
        most = self.most_width(self.place)
        grow = min(LARGER, most / max(block.width, 1.0))
        high = (self.area.bottom - self.area.top) / max(block.bottom - block.top, 1.0)
        size = self.style.size * min(grow, high)
        if size <= 1.04 * block.size:
            return block
        larger = self.setter.block(phrase.words, most, self.most_rows, 0.99 * size, self.align(phrase))
        return larger if larger.rows == block.rows else block

    def draw_phrase(self, frame: Frame, time: float, phrase: Phrase, block: Block, origin: tuple[int, int]) -> None:
        gone = self.left(phrase, time)
        for number, place in enumerate(block.placed):
            word = place.word
            after = block.placed[number + 1].word.start if number + 1 < len(block.placed) else word.end + 0.15
            lit = smooth((time - word.start) / LIGHT_UP_S)
            settled = smooth((time - max(after, word.start + LIGHT_UP_S)) / SETTLE_S)
            ink = mix(self.inks.accent, self.inks.paper, settled) if lit > 0.0 else self.inks.paper
            risen = expo_out((time - phrase.start + self.ahead - place.row * STAGGER_S) / RISE_S)
            shift = (1.0 - risen) * 1.1 * block.size - gone * 0.12 * block.size
            baseline = round(origin[1] + place.y)
            where = (round(origin[0] + place.x) + place.mask.left, baseline + place.mask.top + shift)
            foot = min(frame.shape[0], baseline + round(0.28 * block.size))
            opacity = (FAINT + (1.0 - FAINT) * lit) * (1.0 - gone)
            if risen >= 1.0 and gone <= 0.0 and lit in (0.0, 1.0) and settled in (0.0, 1.0):
                lay_still(frame, place.mask, (where[0], round(where[1])), solid(ink), opacity)
            elif risen > 0.0 and foot > 0:
                lay(frame[:foot], place.mask.alpha, where, solid(ink), opacity)
