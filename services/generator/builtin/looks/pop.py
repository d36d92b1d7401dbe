"""Pop: the picture as a sheet of prints in changing inks; each beat inks one of them anew."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, floor, log, pi, sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.looks.stencil import cut_of
from services.generator.builtin.paint.colour import Inks, Lab, Table, mix, ramp, solid
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.layers import blended
from services.generator.builtin.paint.shapes import blank
from services.generator.builtin.picture.framing import framed_near

LOOK = LookEntry(
    name="pop",
    family="collage",
    summary="A sheet of prints of the picture in changing inks.",
    needs=("picture",),
    stand_in="tiles",
    mark=4.5,
    energy=(0.4, 1.0),
    sections=("chorus", "drop"),
    texture="flat",
    movement="beat",
)

SETS = 5
TURN = 0.35
"""Parts of a beat that it takes to ink a print anew."""
CUTS = (64, 116, 172)
EDGE = 9.0
GREY = 0.75
"""A mixture of so much of its inks' chroma, or more, is no mud."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Pop(stage, stage.theme)


class Pop:
    """Every print has its own ground and three inks. A fresh set rises over the old one."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        across, along = cells_of(stage, picture)
        self.columns = np.linspace(0, stage.width, across + 1).round().astype(int)
        self.rows = np.linspace(0, stage.height, along + 1).round().astype(int)
        width, height = int(np.diff(self.columns).max()), int(np.diff(self.rows).max())
        self.framing = framed_near(picture, 2 * width, 2 * height, 1.4, subject=stage.subject, screened=True)
        self.tone = cut_of(self.framing, 0.010 * min(width, height))
        random = stage.random()
        self.cells = laid_out(across, along, random)
        self.count = len(self.cells)
        most = max(cell.across for cell in self.cells)
        self.sets = [
            (table, blank(most * width + most, most * height + most, ground))
            for table, ground in sets_of(stage.inks)
        ]
        self.start = random.permutation(np.arange(self.count) % SETS)
        self.order = random.permutation(self.count)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = np.empty((stage.height, stage.width, 3), np.uint8)
        for number, cell in enumerate(self.cells):
            top, bottom = int(self.rows[cell.row]), int(self.rows[cell.row + cell.across])
            left, right = int(self.columns[cell.column]), int(self.columns[cell.column + cell.across])
            image[top:bottom, left:right] = self._print(number, cell, (right - left, bottom - top), moment)
        return image

    def _print(self, number: int, cell: Cell, size: tuple[int, int], moment: Moment) -> Frame:
        tone, mask = self._seen(cell, size, moment)
        before, now, part = self._inks_at(number, moment.count)
        edge = round(size[1] * (1.0 - part))
        if edge <= 0 or before == now:
            return self._inked(tone, mask, now)
        if edge >= size[1]:
            return self._inked(tone, mask, before)
        rest = None if mask is None else (mask[:edge], mask[edge:])
        old = self._inked(tone[:edge], None if rest is None else rest[0], before)
        new = self._inked(tone[edge:], None if rest is None else rest[1], now)
        return np.vstack([old, new])

    def _seen(self, cell: Cell, size: tuple[int, int], moment: Moment) -> tuple[Frame, Frame | None]:
        """Tone and mask of one print, through a camera of its own."""
        stage, framing = self.stage, self.framing
        width, height = size
        finer = 2.0 * framing.scale / cell.across
        wave = 0.5 + 0.5 * cos(2.0 * pi * (moment.bar - 0.11 * (cell.row + cell.column)))
        pose = stage.pose(moment.shot)
        near = pose.scale + 0.05 * stage.depth * moment.pulse * wave + 0.035 * wave
        step = finer / near
        turn = 0.5 * stage.pace * moment.time + 1.3 * (cell.row + cell.column)
        middle_x = framing.centre[0] + (pose.right + 0.012 * sin(turn)) * width * finer
        middle_y = framing.centre[1] + (pose.down + 0.010 * cos(turn)) * height * finer
        matrix = np.array(
            [
                [step, 0.0, middle_x - step * (width - 1) / 2.0],
                [0.0, step, middle_y - step * (height - 1) / 2.0],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        tone = cv2.warpAffine(self.tone, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        if framing.mask is None:
            return np.asarray(tone, dtype=np.uint8), None
        mask = cv2.warpAffine(framing.mask, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(tone, dtype=np.uint8), np.asarray(mask, dtype=np.uint8)

    def _inks_at(self, cell: int, count: float) -> tuple[int, int, float]:
        """The set before, the set now, and how far the new one has risen, 0..1."""
        beat = floor(count)
        own = int(np.flatnonzero(self.order == cell)[0])
        step = 2 if self.stage.finale and self.count > 4 else 1
        turns = (beat * step - own) // self.count
        fresh = (beat * step - own) % self.count < step
        now = (int(self.start[cell]) + 2 * turns) % SETS
        if not fresh:
            return now, now, 1.0
        phase = min(1.0, (count - beat) / TURN)
        return (now - 2) % SETS, now, 1.0 - (1.0 - phase) ** 3

    def _inked(self, tone: Frame, mask: Frame | None, which: int) -> Frame:
        table, ground = self.sets[which]
        printed = np.asarray(cv2.applyColorMap(tone, table), dtype=np.uint8)
        if mask is None:
            return printed
        return blended(printed, ground[: printed.shape[0], : printed.shape[1]], mask)


@dataclass(frozen=True)
class Cell:
    """Where a print lies on the sheet, and how many cells it is wide and high."""

    row: int
    column: int
    across: int = 1


def laid_out(across: int, along: int, random: np.random.Generator) -> list[Cell]:
    """The prints of a sheet: where there is room, one in a corner is four times as large as the others."""
    if min(across, along) < 2 or across * along < 6:
        return [Cell(row, column) for row in range(along) for column in range(across)]
    top, left = int(random.choice((0, along - 2))), int(random.choice((0, across - 2)))
    small = [
        Cell(row, column)
        for row in range(along)
        for column in range(across)
        if not (0 <= row - top < 2 and 0 <= column - left < 2)
    ]
    return [Cell(top, left, 2), *small]


def cells_of(stage: Stage, picture: Picture) -> tuple[int, int]:
    """Prints across and along: few and large, of about the shape of the subject, or of the picture."""
    rows, columns = picture.pixels.shape[:2]
    shape = columns / rows
    if stage.subject is not None:
        left, top, right, bottom = stage.subject.box
        shape *= (0.3 + 0.7 * (right - left)) / (0.3 + 0.7 * (bottom - top))
    shape = min(max(shape, 0.62), 1.5)
    wished = 3 if (stage.variant + stage.visit) % 2 == 0 else 6
    wished += 2 if stage.finale else 0

    def unfit(cells: tuple[int, int]) -> float:
        across, along = cells
        own = stage.width / across / (stage.height / along)
        return 1.2 * abs(log(own / shape)) + abs(log(across * along / wished))

    return min(
        ((across, along) for across in range(1, 5) for along in range(1, 5) if across * along > 1), key=unfit
    )


def sets_of(inks: Inks) -> list[tuple[Table, tuple[int, int, int]]]:
    """Five sets of inks, each from shade to light, with the ground they stand on. No set is a negative."""
    dark, low, mid, high, light = inks.by_lightness
    own = inks.ground
    match key_of(inks):
        case "night":
            shade, top = dark, mix(high, light, 0.55)
            grounds = [low, mid, mix(dark, low, 0.4), clear(low, mid, 0.5), clear(mid, high, 0.6)]
        case "paper":
            shade, top = mix(dark, mid, 0.45), light
            grounds = [
                mix(high, light, 0.55),
                mix(light, mid, 0.12),
                mix(mid, light, 0.4),
                high,
                mix(light, high, 0.3),
            ]
        case "colour":
            shade, top = mix(dark, low, 0.4), light
            grounds = [
                own,
                clear(own, mid, 0.7),
                mix(own, light, 0.45),
                mix(own, light, 0.7),
                clear(own, high, 0.6),
            ]
    chosen: list[tuple[Lab, ...]] = [
        (shade, mid, high, top),
        (shade, mid, mix(mid, top, 0.5), top),
        (shade, low, high, mix(high, top, 0.6)),
        (shade, clear(low, mid, 0.5), mid, mix(high, top, 0.4)),
        (low, mid, high, top),
    ]
    return [(steps(row), solid(ground)) for row, ground in zip(chosen, grounds, strict=True)]


def clear(one: Lab, other: Lab, share: float) -> Lab:
    """The two mixed; of opposite hues, which turn grey together, the one that has the larger share."""
    mixed = mix(one, other, share)
    chroma = [float(np.hypot(*ink[1:])) for ink in (mixed, one, other)]
    if chroma[0] >= GREY * min(chroma[1:]):
        return mixed
    return other if share >= 0.5 else one


def steps(row: tuple[Lab, ...]) -> Table:
    """A table of flat inks that meet at CUTS."""
    stops = [(0.0, row[0])]
    for cut, before, after in zip(CUTS, row[:-1], row[1:], strict=True):
        stops += [((cut - EDGE / 2.0) / 255.0, before), ((cut + EDGE / 2.0) / 255.0, after)]
    return ramp([*stops, (1.0, row[-1])])
