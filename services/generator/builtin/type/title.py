"""The title block of a page: a serif title, a hairline, a small label. It stands by 0.9 s."""

from __future__ import annotations

from dataclasses import dataclass

from libs.type.coverage import drawable
from services.generator.builtin.easing import expo_out
from services.generator.builtin.looks.stage import Frame
from services.generator.builtin.paint.colour import Bgr
from services.generator.builtin.type.blend import lay
from services.generator.builtin.type.display import face_for, shortened
from services.generator.builtin.type.raster import Mask, metrics, word_mask
from services.generator.builtin.type.rows import Measure, balanced

RISE_S = 0.45
"""How long a row takes to rise out of its own mask."""
STAGGER_S = 0.09
LEADING = 1.06
LABEL = 0.19
"""The label's size in parts of the title's."""
MOST_ROWS = 4


@dataclass(frozen=True)
class _Row:
    mask: Mask
    baseline: int


class TitleBlock:
    """Title rows, set to fit a box; `height` says how much of it they need. Empty where no face has the title."""

    def __init__(self, title: str, label: str, width: int, height: int, size: float) -> None:
        self.rows: list[_Row] = []
        self.label: _Row | None = None
        self.width, self.rule, self.height = width, 0, 0
        found = face_for("title", title)
        if found is None:
            return
        face, shown = found[0], shortened(found[1], found[0])
        while True:
            words = shown.split()
            space = word_mask("n n", face, size).advance - word_mask("nn", face, size).advance
            widths = [word_mask(word, face, size, -0.01).advance for word in words]
            rows = balanced(Measure(words, widths, [space] * len(words)), float(width), MOST_ROWS)
            pitch = LEADING * size
            texts = [" ".join(words[start:end]) for start, end in rows]
            masks = [word_mask(text, face, round(size, 1), -0.01) for text in texts]
            fits = max(mask.width for mask in masks) <= width and pitch * len(masks) <= height * 0.8
            if fits or size < 4:
                break
            size *= 0.92
        ascent, descent = metrics(face, size)
        first = round(0.74 * ascent)
        self.rows = [_Row(mask, first + round(pitch * index)) for index, mask in enumerate(masks)]
        self.size, self.reach = size, descent
        self.rule = self.rows[-1].baseline + round(0.46 * size)
        self.height = self.rule
        if small := face_for("label", drawable(label).upper()):
            text = shortened(small[1], small[0])
            mask = word_mask(text, small[0], max(9.0, round(LABEL * size, 1)), 0.2)
            if mask.width <= width:
                self.label = _Row(mask, self.rule + round(0.42 * size))
                self.height = self.label.baseline

    def draw(self, frame: Frame, at: tuple[int, int], seconds: float, *, ink: Bgr, line: Bgr) -> None:
        """Draw it with its upper left corner `at` (x, y), `seconds` after it began to rise."""
        for index, row in enumerate(self.rows):
            self._rise(frame, row, at, expo_out((seconds - index * STAGGER_S) / RISE_S), ink)
        if not self.rows:
            return
        x, y = at
        drawn = expo_out((seconds - 0.2) / RISE_S)
        thick = max(1, round(0.022 * self.size))
        across = round(self.width * drawn)
        if across > 0:
            frame[y + self.rule : y + self.rule + thick, x : x + across] = line
        if self.label is not None:
            self._rise(frame, self.label, at, expo_out((seconds - 0.35) / RISE_S), ink)

    def _rise(self, frame: Frame, row: _Row, at: tuple[int, int], risen: float, ink: Bgr) -> None:
        """The row comes up from behind the line that it will stand on."""
        x, y = at
        bottom = min(y + row.baseline + self.reach, frame.shape[0])
        down = (1.0 - risen) * (row.mask.height + self.reach)
        top = y + row.baseline + row.mask.top + down
        if risen > 0.0 and bottom > 0:
            lay(frame[:bottom], row.mask.alpha, (x, top), ink)
