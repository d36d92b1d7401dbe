"""Print: an editorial page. The picture hangs on it with its title, a hairline, and the song's shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Bgr, Lab, solid
from services.generator.builtin.paint.layers import lit
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.shapes import fill
from services.generator.builtin.picture.photograph import Photograph
from services.generator.builtin.type.title import TitleBlock

LOOK = LookEntry(
    name="print",
    family="press",
    summary="The picture hung on a plain page with its title.",
    needs=("picture",),
    stand_in="hills",
    mark=4.5,
    energy=(0.0, 0.6),
    sections=("intro", "outro"),
    texture="flat",
    movement="drift",
    titles=True,
)

KEEP = 0.86
"""How much of its own colours the print keeps beside the palette's."""
MARGIN = 0.07
TITLE = 100.0
"""Pixels of the title at 720."""
SLIDE = 0.007
"""Parts of the frame that the print slides a second, and the most that it slides in all."""
MOST = 0.034
STOPS = 4
"""Places of the small shape on the hairline: it goes on by one each bar."""


@dataclass(frozen=True)
class Page:
    """Where things stand, in parts of the frame: boxes are left, top, width, height."""

    print: tuple[float, float, float, float]
    title: tuple[float, float, float, float]
    corner: tuple[float, float]
    """Of the print, where the shape stands."""
    line: tuple[float, float, float]
    """Left, right and height of the hairline."""
    upright: bool


def page(stage: Stage) -> Page:
    """The layout: the print on one side or above, what is written on the other; a return turns it round."""
    turned = (stage.variant + stage.visit) % 2 == 1
    titled = bool(stage.text)
    if stage.height > 1.1 * stage.width:
        tall = 0.52 if titled else 0.60
        left, top = 0.10, (1.0 - tall - 0.09 if turned else 0.09)
        free = 0.095 if turned else top + tall + 0.055
        inner = top if turned else top + tall
        foot = (0.055, 0.945) if titled else (0.5 * inner, 0.5 * (1.0 + inner))
        rule = foot[0] if turned else foot[1]
        return Page((left, top, 0.80, tall), (0.10, free, 0.80, 0.28), (0.80, inner), (0.10, 0.90, rule), True)
    wide = 0.42 if titled else 0.52
    left = 1.0 - MARGIN - wide if turned else MARGIN
    free = MARGIN if turned else left + wide + 0.07
    inner = left if turned else left + wide
    width = 1.0 - 3.0 * MARGIN - wide
    return Page(
        (left, 0.10, wide, 0.80), (free, 0.15, width, 0.62), (inner, 0.74), (free, free + width, 0.90), False
    )


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Print(stage)


class Print:
    """The print has a camera and depth of its own and slides slowly; the shape answers to the beat."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.page = page(stage)
        width, height = stage.width, stage.height
        self.paper = np.full((height, width, 3), solid(stage.inks.ground), np.uint8)
        self.size = (round(self.page.print[2] * width), round(self.page.print[3] * height))
        inner = replace(stage, width=self.size[0], height=self.size[1])
        self.photo = Photograph(inner, stage.theme, KEEP)
        inks = stage.inks
        rest = [ink for ink in (inks.accent, inks.mid, inks.low) if _apart(ink, inks.ground) > 0.12]
        self.shape = solid(rest[0] if rest else inks.light)
        self.small = solid(rest[1]) if len(rest) > 1 else self.shape
        self.ink = solid(max(inks.row, key=lambda ink: abs(float(ink[0] - inks.ground[0]))))
        self.ground = solid(inks.ground)
        box = self.page.title
        size = TITLE * stage.unit * (1.3 if self.page.upright else 0.8 if width < 1.2 * height else 1.0)
        self.title = TitleBlock(stage.text, "", round(box[2] * width), round(box[3] * height), size)
        self.turn = float(stage.random().uniform(-0.4, 0.4)) if stage.motif not in {"arch", "disc"} else 0.0

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = self.paper.copy()
        slid = float(np.clip(SLIDE * stage.pace * (moment.shot - 0.5 * stage.seconds), -MOST, MOST))
        if not self.title.rows:
            self._shape(image, moment, slid, 0.30)
        self._print(image, moment, slid)
        if self.title.rows:
            self._shape(image, moment, slid, 0.09 if self.page.upright else 0.105)
            at = (round(self.page.title[0] * stage.width), round(self.page.title[1] * stage.height))
            self.title.draw(image, at, moment.shot, ink=self.ink, line=self.ink)
        self._line(image, moment)
        return image

    def _print(self, image: Frame, moment: Moment, slid: float) -> None:
        stage = self.stage
        left, top = self.page.print[:2]
        x = round(left * stage.width) if self.page.upright else (left + slid) * stage.width
        y = (top + slid) * stage.height if self.page.upright else round(top * stage.height)
        seen = lit(self.photo.seen(moment), self.photo.light(moment))
        _lay_box(image, seen, (x, y), self.ground)

    def _shape(self, image: Frame, moment: Moment, slid: float, part: float) -> None:
        """The song's shape at the print's corner; large and half behind it where nothing is written."""
        stage = self.stage
        run = 0.5 * stage.pace * moment.time
        x, y = self.page.corner
        if self.page.upright:
            x, y = x + 0.02 * sin(run), y + slid
        else:
            x, y = x + slid, (y if part < 0.2 else 0.5) - 1.2 * slid + 0.015 * sin(run)
        radius = part * min(stage.width, stage.height) * (1.0 + 0.09 * stage.depth * moment.pulse)
        turn = self.turn + 0.06 * run * (stage.motif not in {"arch", "disc"})
        fill(image, outline(stage.motif, radius, (x * stage.width, y * stage.height), turn), self.shape)

    def _line(self, image: Frame, moment: Moment) -> None:
        """A hairline at the foot of the page; a small shape goes along it by one stop each bar."""
        stage = self.stage
        left, right, y = self.page.line
        start, end, row = round(left * stage.width), round(right * stage.width), y * stage.height
        thick = max(1, round(2.0 * stage.unit))
        image[round(row) : round(row) + thick, start:end] = self.ink
        whole = float(np.floor(moment.bar_step))
        place = np.interp(moment.bar_step - whole, (0.0, 1.0), (whole % STOPS, whole % STOPS + 1.0)) / STOPS
        radius = 11.0 * stage.unit * (1.0 + 0.25 * stage.depth * moment.bar_pulse)
        x = start + (end - start) * (1.0 - abs(1.0 - 2.0 * place) if stage.finale else place)
        fill(image, outline(stage.motif, radius, (x, row + 0.5 * thick), 0.0), self.small)


def _lay_box(image: Frame, seen: Frame, at: tuple[float, float], ground: Bgr) -> None:
    """Put a picture into the frame; it slides along one axis without ticking, its other place is rounded."""
    x, y = at
    upright = abs(y - round(y)) > abs(x - round(x))
    along = y if upright else x
    part = along - np.floor(along)
    edge = (1, 1, 0, 0) if upright else (0, 0, 1, 1)
    room = cv2.copyMakeBorder(seen, *edge, cv2.BORDER_CONSTANT, value=ground)
    late, soon = (room[:-1], room[1:]) if upright else (room[:, :-1], room[:, 1:])
    moved = cv2.addWeighted(soon, 1.0 - part, late, part, 0.0)
    left, top = (round(x), int(np.floor(y))) if upright else (int(np.floor(x)), round(y))
    place = image[top : top + moved.shape[0], left : left + moved.shape[1]]
    place[:] = moved[: place.shape[0], : place.shape[1]]


def _apart(first: Lab, second: Lab) -> float:
    return float(np.linalg.norm(first - second))
