"""Wall: rows of the hook, solid and outlined, pass each other; each beat another row lights up."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.oklab import toned_down
from services.generator.builtin.easing import cubic_out
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Lab, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.motif import outline as motif_outline
from services.generator.builtin.paint.shapes import fill
from services.generator.builtin.type.blend import lay
from services.generator.builtin.type.display import face_for, shortened
from services.generator.builtin.type.raster import Mask, outline, word_mask

LOOK = LookEntry(
    name="wall",
    family="type",
    summary="Rows of the hook, solid and outlined, pass each other.",
    needs=("text",),
    stand_in="rings",
    mark=4.5,
    energy=(0.5, 1.0),
    sections=("chorus", "hook", "drop"),
    texture="letters",
    movement="beat",
    most_seconds=6.0,
)

CROPPED = 0.42
"""How much of a row lies outside of the frame, above and below: cropped on purpose."""
LETTERS = 0.86
"""The height of capitals in parts of a row's pitch."""
SPEEDS = (30.0, 60.0)
"""Pixels a second at a shorter side of 720: whole pixels a frame at 30 frames a second."""
SURGE = 26.0
"""Pixels that a beat pushes every row on."""
GLOW_BEATS = 0.16
"""Parts of a beat in which a row lights up, and the last one goes out."""
DEEP = 0.68
"""The lightness of letters on paper, at most."""
LONGEST = 24
"""Letters of a hook that make a row."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Wall(stage)


@dataclass(frozen=True)
class Row:
    """One period of a row, in its usual colours and lit; wider than the frame, so that it can be cut anywhere."""

    usual: Frame
    lit: Frame
    period: int
    speed: float


class Wall:
    """Rows are drawn once; a frame is cut out of them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        tall = stage.height > 1.2 * stage.width
        self.count = 9 if tall else 6 if stage.height > 0.8 * stage.width else 5
        self.pitch = int(np.ceil(stage.height / (self.count - 2.0 * CROPPED)))
        self.top = -round(CROPPED * self.pitch)
        random = stage.random()
        self.way = float(random.choice((-1.0, 1.0)))
        self.order = list(random.permutation(self.count))
        self.ground, self.ink, self.hot = _colours(stage)
        self.rows = self._rows()

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = np.empty((stage.height, stage.width, 3), np.uint8)
        beat = int(np.floor(moment.count))
        fresh = cubic_out((moment.count - beat) / GLOW_BEATS)
        lit = {self._hot(beat): fresh, self._hot(beat - 1): 1.0 - fresh}
        if stage.finale:
            lit |= {self._hot(beat + self.count // 2): fresh, self._hot(beat - 1 + self.count // 2): 1.0 - fresh}
        for number in range(self.count):
            row = self.rows[number % 2]
            way = self.way if number % 2 else -self.way
            run = row.speed * stage.unit * moment.time + SURGE * stage.unit * stage.depth * moment.step
            start = round(way * run + number * 0.37 * row.period) % row.period
            top = self.top + number * self.pitch
            first, last = max(top, 0), min(top + self.pitch, stage.height)
            part = slice(first - top, last - top), slice(start, start + stage.width)
            share = lit.get(number, 0.0)
            if share <= 0.0:
                image[first:last] = row.usual[part]
            elif share >= 1.0:
                image[first:last] = row.lit[part]
            else:
                image[first:last] = cv2.addWeighted(row.lit[part], share, row.usual[part], 1.0 - share, 0.0)
        return image

    def _hot(self, beat: int) -> int:
        return int(self.order[beat % self.count])

    def _rows(self) -> list[Row]:
        """A solid row and an outlined one."""
        found = face_for("display", self.stage.text)
        if found is None:
            raise ValueError("This look needs a text that a typeface has.")
        face, text = found
        text = shortened(text, face, LONGEST)
        sample = word_mask(text, face, 200.0)
        size = round(200.0 * LETTERS * self.pitch / max(sample.height, 60), 1)
        solid_mask = word_mask(text, face, size)
        line = outline(text, face, size, max(1.0, 2.6 * self.stage.unit))
        return [
            self._row(solid_mask, self.ink, SPEEDS[0], size),
            self._row(line, mix(self.ground, self.ink, 0.9), SPEEDS[1], size),
        ]

    def _row(self, mask: Mask, ink: Lab, speed: float, size: float) -> Row:
        """The words with the song's shape between them, over and over."""
        radius = 0.17 * size
        gap = round(0.34 * size)
        period = mask.width + 2 * gap + round(2.0 * radius)
        width = self.stage.width + period
        frames = []
        for ground, colour in ((self.ground, ink), (self.ground, self.hot)):
            image = np.empty((self.pitch, width, 3), np.uint8)
            image[:] = solid(ground)
            for x in range(0, width, period):
                lay(image, mask.alpha, (x, (self.pitch - mask.height) // 2), solid(colour))
                centre = (x + mask.width + gap + radius, 0.5 * self.pitch)
                fill(image, motif_outline(self.stage.motif, radius, centre), solid(colour))
            frames.append(image)
        return Row(frames[0], frames[1], period, speed)


def _colours(stage: Stage) -> tuple[Lab, Lab, Lab]:
    """Ground, letters and lit letters, on the ground that the scene stands on."""
    inks = stage.inks
    ground, dark, light = inks.ground, inks.by_lightness[0], inks.by_lightness[-1]
    inked = [ink for ink in (inks.accent, inks.mid, inks.low) if float(np.linalg.norm(ink - ground)) > 0.15]
    bold = max(inked or [dark], key=lambda ink: float(np.hypot(ink[1], ink[2])))
    match key_of(inks):
        case "night":
            return ground, _at_least(bold, 0.66), light
        case "paper":
            deep = [ink for ink in inked if float(ink[0]) <= DEEP]
            return ground, max(deep or [dark], key=lambda ink: float(np.hypot(ink[1], ink[2]))), dark
        case "colour":
            return ground, mix(dark, ground, 0.12), light


def _at_least(ink: Lab, lightness: float) -> Lab:
    return toned_down(np.array([max(lightness, float(ink[0])), *ink[1:]]))
