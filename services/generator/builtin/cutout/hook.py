"""The hook as picture: a few words as wide as the frame, in rows that roll up behind their own edge on the bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from libs.picture.load import Gray
from services.generator.builtin.cutout.cut import Cut
from services.generator.builtin.cutout.standing import LEVEL, Figure, stand
from services.generator.builtin.looks.stage import Frame, Moment, Stage
from services.generator.builtin.paint.colour import Bgr, Inks, Lab, mix, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.type.blend import lay
from services.generator.builtin.type.display import display_word

WIDE = 0.92
"""Parts of the frame's width that a row takes."""
TOP = 0.065
"""Parts of the height above the first row."""
LEADING = 0.10
"""Space between rows, in parts of the first row's height."""
STAGGER = 0.12
"""How much later each row rolls, in parts of the roll."""
STEPS = 4
"""Places between two pixels: letters drift without ticking, and are moved once for each."""
DRIFT = 0.004
"""Parts of the width that the rows drift a second."""
HIDDEN = 0.25
"""Parts of the letters that the subject may hide."""
CROWN = 0.09
"""Of the upper parts of the letters, by which one reads them."""
LOST = 0.16
"""Parts of a row that may be all but gone: of seven letters one."""
SMALLER = 4
"""Pixels of the frame for one of the sketch on which a place is looked for."""
BELOW = 1.8
"""Width by height from which a whole thing hangs below the letters: over them, a wordmark would spoil both."""
BENEATH = 0.76
TALL = (0.90, 0.82, 0.74, 0.66, 0.58, 0.5)
MIDDLES = (0.5, 0.44, 0.56, 0.37, 0.63, 0.28, 0.72, 0.79)


@dataclass(frozen=True, eq=False)
class Row:
    """A row of letters at its place in the frame."""

    alpha: Gray
    x: int
    y: int


def rows_of(text: str, width: int, height: int, most: float) -> list[Row]:
    """The text in as many rows as fill a box of the frame's width and `most` of its height best."""
    words = text.split()
    if not words:
        return []
    best: list[Gray] = []
    for count in range(1, min(len(words), 4) + 1):
        masks = [display_word(part, WIDE * width, most * height / count * 0.96) for part in _parted(words, count)]
        alphas = [mask.alpha for mask in masks if mask is not None]
        if len(alphas) == count and _inked(alphas) > 1.1 * _inked(best):
            best = alphas
    rows, y = [], round(TOP * height)
    left = len(best) > 1 and width > height
    for alpha in best:
        free = width - alpha.shape[1]
        rows.append(Row(alpha, round((1.0 - WIDE) / 2.0 * width if left else free / 2.0), y))
        y += round(alpha.shape[0] + LEADING * best[0].shape[0])
    return rows


def _inked(alphas: Sequence[Gray]) -> float:
    return float(sum(alpha.size for alpha in alphas))


def _parted(words: Sequence[str], count: int) -> list[str]:
    """The words in `count` rows, about equally long."""
    rows: list[str] = []
    left = list(words)
    for row in range(count, 0, -1):
        share = sum(len(word) + 1 for word in left) / row
        taken = [left.pop(0)]
        while len(left) > row - 1 and left and len(" ".join(taken)) + 0.5 * len(left[0]) + 1 <= share:
            taken.append(left.pop(0))
        rows.append(" ".join(taken))
    rows[-1] = " ".join([rows[-1], *left])
    return rows


class Hook:
    """Rows of the hook. Where one row leaves the frame empty it comes again below, in a quieter ink.

    Empty where no face has the letters.
    """

    def __init__(self, stage: Stage, text: str, *, most: float, loud: Lab, quiet: Lab, again: bool = True) -> None:
        self.stage = stage
        self.loud, self.quiet = solid(loud), solid(quiet)
        self.rows = rows_of(text, stage.width, stage.height, most)
        self.first = len(self.rows)
        self.rows += self._again(most) if again else []
        self.moved = cache(_moved)

    def _again(self, most: float) -> list[Row]:
        if not self.rows:
            return []
        first, last = self.rows[0], self.rows[-1]
        bottom = last.y + last.alpha.shape[0]
        pitch = bottom - first.y + round(LEADING * first.alpha.shape[0])
        more = int((TOP + most + 0.12) * self.stage.height - bottom) // max(pitch, 1)
        return [Row(row.alpha, row.x, row.y + pitch * turn) for turn in range(1, more + 1) for row in self.rows]

    def draw(self, frame: Frame, moment: Moment) -> None:
        """Draw the rows: on each bar they roll up by their own height, one after the other."""
        turn = moment.bar_step - np.floor(moment.bar_step)
        drift = DRIFT * self.stage.width * (moment.shot - 0.5 * self.stage.seconds)
        for index, row in enumerate(self.rows):
            late = STAGGER * (index % max(self.first, 1)) + 0.5 * STAGGER * (index // max(self.first, 1))
            rolled = min(max((turn - late) / (1.0 - late), 0.0), 1.0)
            colour = self.loud if index < self.first else self.quiet
            way = 1.0 if index % 2 == 0 else -1.0
            self._roll(frame, row, row.x + way * drift, 1.0 - (1.0 - rolled) ** 2, colour)

    def _roll(self, frame: Frame, row: Row, x: float, rolled: float, colour: Bgr) -> None:
        tall = row.alpha.shape[0]
        slot = frame[max(row.y, 0) : row.y + tall]
        pitch = round(1.06 * tall)
        up = round(rolled * pitch)
        steps = round(x * STEPS)
        alpha, left = self.moved(row, steps % STEPS), steps // STEPS
        if up < pitch:
            lay(slot, alpha, (left, -up), colour)
        lay(slot, alpha, (left, pitch - up), colour)


def _moved(row: Row, steps: int) -> Gray:
    """A row's letters, so many steps to the right, a pixel wider."""
    part = 256 * steps // STEPS
    wide = cv2.copyMakeBorder(row.alpha, 0, 0, 1, 1, cv2.BORDER_CONSTANT, value=0).astype(np.uint16)
    mixed = wide[:, 1:] * np.uint16(256 - part) + wide[:, :-1] * np.uint16(part)
    return np.asarray((mixed + np.uint16(128)) >> np.uint16(8), dtype=np.uint8)


def type_inks(inks: Inks) -> tuple[Lab, Lab]:
    """The ink that stands out most from the ground, and one that whispers on it."""
    loud = max(inks.row, key=lambda ink: abs(float(ink[0] - inks.ground[0])))
    if key_of(inks) == "night":
        return loud, mix(inks.ground, inks.mid, 0.45)
    quiet = inks.ground.copy()
    quiet[0] += 0.09 if float(inks.ground[0]) < 0.6 else -0.09
    return loud, quiet


def placed(cut: Cut, hook: Hook, stage: Stage) -> Figure:
    """The subject as large as it can stand without hiding too much of the hook."""
    width, height = stage.width // SMALLER, stage.height // SMALLER
    small = cut.resized(min(1.0, 240.0 / max(cut.mask.shape)))
    rows = hook.rows[: hook.first]
    wide, level = (1.15, 0.64) if stage.height > stage.width else (0.8, LEVEL)
    if cut.mask.shape[1] > BELOW * cut.mask.shape[0]:
        level = BENEATH
    best = (np.inf, TALL[-1], MIDDLES[0])
    for tall in TALL:
        for middle in MIDDLES if stage.width > stage.height else MIDDLES[:1]:
            figure = stand(small, width, height, middle=middle, tall=tall, wide=wide, level=level)
            place = np.array([[1.0, 0.0, figure.x], [0.0, 1.0, figure.y]])
            mask = np.asarray(cv2.warpAffine(figure.cut.mask, place, (width, height)), dtype=np.uint8)
            price = max((_price(row, mask) for row in rows), default=0.0)
            score = price + 0.5 * (TALL[0] - tall) + 0.35 * abs(middle - 0.5)
            best = min(best, (score, tall, middle))
    return stand(cut, stage.width, stage.height, middle=best[2], tall=best[1], wide=wide, level=level)


def _price(row: Row, mask: Gray) -> float:
    """What it costs that a small mask hides a row: 0 as long as the row is read with ease."""
    letters = cv2.resize(row.alpha, None, fx=1.0 / SMALLER, fy=1.0 / SMALLER, interpolation=cv2.INTER_AREA)
    x, y = max(row.x, 0) // SMALLER, row.y // SMALLER
    over = mask[y : y + letters.shape[0], x : x + letters.shape[1]]
    ink = letters[: over.shape[0], : over.shape[1]].astype(np.float64) / 255.0
    gone = ink * (over / 255.0)
    half = max(1, round(0.42 * len(ink)))
    hidden, crown = gone.sum() / max(ink.sum(), 1.0), gone[:half].sum() / max(ink[:half].sum(), 1.0)
    columns = ink.sum(axis=0)
    lost = columns[gone.sum(axis=0) > 0.62 * columns].sum() / max(columns.sum(), 1.0)
    return float(6.0 * max(hidden - HIDDEN, 0.0) + 6.0 * max(crown - CROWN, 0.0) + 4.0 * max(lost - LOST, 0.0))
