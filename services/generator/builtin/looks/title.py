"""Title: a page with the song's name, and its shape large beside it, in rings that answer the beat in turn."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, pi, sin

import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.colour import mix, solid
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.motif import outline
from services.generator.builtin.shapes import fill
from services.generator.builtin.type.title import TitleBlock

LOOK = LookEntry(
    name="title",
    family="type",
    summary="A page with the song's name beside its shape.",
    needs=("text",),
    stand_in="hills",
    mark=4.5,
    energy=(0.0, 0.7),
    sections=("intro", "outro"),
    texture="letters",
    movement="drift",
    titles=True,
)

TITLE = 118.0
"""Pixels of the title at 720."""
RADII = (0.25, 0.40, 0.57)
"""Of the shapes, in parts of the shorter side."""
LATER = 0.14
"""Beats by which each shape answers after the one within it."""
SWELL = (0.075, 0.05, 0.035)
SWAY = 0.012
"""Parts of the shorter side that each shape sways more than the one around it."""
CREEP = 0.009
"""Growth a second."""


@dataclass(frozen=True)
class Page:
    """Where things stand, in parts of the frame: the shape's centre, and the title's left, top, width, height."""

    shape: tuple[float, float]
    title: tuple[float, float, float, float]


def page(stage: Stage) -> Page:
    """The title on one side or below; a return turns it round."""
    turned = (stage.variant + stage.visit) % 2 == 1
    if stage.height > 1.1 * stage.width:
        return (
            Page((0.62, 0.72), (0.09, 0.12, 0.82, 0.32)) if turned else Page((0.40, 0.30), (0.09, 0.60, 0.82, 0.26))
        )
    if stage.height > 0.9 * stage.width:
        return Page((0.66, 0.34), (0.08, 0.62, 0.84, 0.30))
    return Page((0.24, 0.5), (0.52, 0.30, 0.42, 0.6)) if turned else Page((0.76, 0.5), (0.07, 0.30, 0.42, 0.6))


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Title(stage)


class Title:
    """All is flat: three shapes within each other, and type that rises from its line."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.page = page(stage)
        inks = stage.inks
        strong = max((inks.accent, inks.mid), key=lambda ink: float(np.linalg.norm(ink - inks.ground)))
        other = inks.mid if strong is inks.accent else inks.accent
        self.inks = (strong, mix(inks.ground, other, 0.55), mix(inks.ground, other, 0.22))
        self.ink = solid(max(inks.row, key=lambda ink: abs(float(ink[0] - inks.ground[0]))))
        left, top, wide, high = self.page.title
        width, height = round(wide * stage.width), round(high * stage.height)
        self.title = TitleBlock(stage.text, "", width, height, TITLE * stage.unit)
        self.at = round(left * stage.width), round(top * stage.height + 0.5 * (height - self.title.height))
        self.turn = float(stage.random().uniform(-0.3, 0.3)) if stage.motif not in {"arch", "disc"} else 0.0

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = np.empty((stage.height, stage.width, 3), np.uint8)
        image[:] = solid(stage.inks.ground)
        short = min(stage.width, stage.height)
        grown = 1.0 + CREEP * stage.pace * (moment.shot - 0.5 * stage.seconds)
        run = 0.9 * stage.pace * moment.time
        for number in range(len(RADII) - 1, -1, -1):
            swell = (
                SWELL[number] * stage.depth * _answer(moment.count - LATER * number) * (0.5 + 0.5 * moment.energy)
            )
            sway = SWAY * (len(RADII) - number) * short
            x = self.page.shape[0] * stage.width + sway * sin(run + 0.5 * number)
            y = self.page.shape[1] * stage.height + sway * sin(0.8 * run + 0.5 * pi + 0.5 * number)
            turn = (self.turn + 0.05 * run) * (1.0 - 0.35 * number) * (stage.motif not in {"arch", "disc"})
            shape = outline(stage.motif, RADII[number] * short * (grown + swell), (x, y), turn)
            fill(image, shape, solid(self.inks[number]))
        self.title.draw(image, self.at, moment.shot, ink=self.ink, line=self.ink)
        return image


def _answer(count: float) -> float:
    """0..1: what a beat leaves behind, with a soft start; `count` goes on by 1 each beat."""
    phase = count - np.floor(count)
    return float(min(phase / 0.08, 1.0) * exp(-3.0 * phase))
