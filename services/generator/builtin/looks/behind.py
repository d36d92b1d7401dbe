"""Behind: the hook as wide as the frame, the subject in front of it."""

from __future__ import annotations

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Gray
from services.generator.builtin.cutout import Cut, cut_out
from services.generator.builtin.glow import Glow, glow_of
from services.generator.builtin.grading import graded, key_of
from services.generator.builtin.halo import Halo
from services.generator.builtin.hook import Hook, Row, type_inks
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.standing import Figure, aired, breathing, lay, stand

LOOK = LookEntry(
    name="behind",
    family="cutout",
    summary="The hook in letters as wide as the frame, the subject in front of it.",
    needs=("picture", "subject", "text"),
    stand_in="aura",
    mark=5.0,
    energy=(0.4, 1.0),
    sections=("chorus", "drop"),
    texture="letters",
    movement="bar",
    most_seconds=10.0,
)

GAP = 5.0
"""Pixels at 720 of ground between the letters and the subject, so that dark hair doesn't run into dark letters."""
HIDDEN = 0.25
"""Parts of the letters that the subject may hide."""
CROWN = 0.09
"""Of the upper parts of the letters, by which one reads them."""
LOST = 0.16
"""Parts of a row that may be all but gone: of seven letters one."""
SMALLER = 4
"""Pixels of the frame for one of the sketch on which a place is looked for."""
TALL = (0.90, 0.82, 0.74, 0.66, 0.58, 0.5)
MIDDLES = (0.5, 0.44, 0.56, 0.37, 0.63, 0.28, 0.72, 0.79)


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Behind(stage)


class Behind:
    """Ground, letters, subject. The subject stands where it leaves the letters readable."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        inks = stage.inks
        key = key_of(inks)
        loud, quiet = type_inks(inks)
        tall = stage.height > stage.width
        self.hook = Hook(stage, stage.text, most=0.40 if tall else 0.52, loud=loud, quiet=quiet)
        self.figure = placed(cut_out(stage.theme, stage.cutout), self.hook, stage)
        table = graded(inks, key, inks.ground if key == "colour" else inks.by_lightness[2])
        plain = self.figure.inked(table, stage.unit, natural=stage.visit % 2 == 0)
        self.layer, self.air = self.figure.outlined(plain, inks.ground, GAP * stage.unit)
        self.halo = Halo(self.figure, (inks.accent, inks.mid), stage) if stage.finale else None
        self.ground = Glow(stage, inks.ground, glow_of(inks), (0.5, 1.0), 0.85)

    def frame(self, moment: Moment) -> Frame:
        image = self.ground.frame(moment)
        self.hook.draw(image, moment)
        sway = breathing(self.stage, moment)
        if self.halo is not None:
            self.halo.draw(image, sway, moment)
        lay(image, self.layer, aired(self.figure.at(sway), self.air))
        return image


def placed(cut: Cut, hook: Hook, stage: Stage) -> Figure:
    """The subject as large as it can stand without hiding too much of the hook."""
    width, height = stage.width // SMALLER, stage.height // SMALLER
    small = cut.resized(min(1.0, 240.0 / max(cut.mask.shape)))
    rows = hook.rows[: hook.first]
    wide = 1.15 if stage.height > stage.width else 0.8
    best = (np.inf, TALL[-1], MIDDLES[0])
    for tall in TALL:
        for middle in MIDDLES if stage.width > stage.height else MIDDLES[:1]:
            figure = stand(small, width, height, middle=middle, tall=tall, wide=wide)
            place = np.array([[1.0, 0.0, figure.x], [0.0, 1.0, figure.y]])
            mask = np.asarray(cv2.warpAffine(figure.cut.mask, place, (width, height)), dtype=np.uint8)
            price = max((_price(row, mask) for row in rows), default=0.0)
            score = price + 0.5 * (TALL[0] - tall) + 0.35 * abs(middle - 0.5)
            best = min(best, (score, tall, middle))
    return stand(cut, stage.width, stage.height, middle=best[2], tall=best[1], wide=wide)


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
