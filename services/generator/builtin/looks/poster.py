"""Poster: the subject in two inks at one side, the song's shape behind its head; the other side is for words."""

from __future__ import annotations

from math import sin

import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.cutout.cut import cut_out
from services.generator.builtin.cutout.halo import Halo
from services.generator.builtin.cutout.logo import is_logo, logo_table
from services.generator.builtin.cutout.standing import LEVEL, Figure, breathing, footing, lay, stand
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, Table, mix, solid
from services.generator.builtin.paint.glow import Glow, glow_of
from services.generator.builtin.paint.grading import graded, key_of
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.shapes import Points, fill, stroke

LOOK = LookEntry(
    name="poster",
    family="cutout",
    summary="The subject in two inks beside room for words, the song's shape behind its head.",
    needs=("picture", "subject"),
    stand_in="duotone",
    mark=5.0,
    energy=(0.1, 0.9),
    sections=("verse", "chorus"),
    texture="flat",
    movement="beat",
    carries_type=True,
)

SIDE = 0.73
"""Where the subject stands, in parts of the width, or as far from the other side."""
RADIUS = 0.50
"""Of the shape at most, in parts of the shorter side."""
UPPER = 0.42
"""Parts of the subject that count as its head."""
WAVES = 3
"""Waves that go out from the shape at a time."""
REACH = 1.05
"""How far they go, in radii of the shape."""
QUIET = 0.65
"""How much of the glow's ink the shape behind a logo has: it has to be quieter than the logo."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Poster(stage)


class Poster:
    """Ground, waves, shape, subject. A return stands on the other side, the last one has a halo."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        inks = stage.inks
        square = 1.2 * stage.height >= stage.width
        upright = stage.height > 1.2 * stage.width
        right = (stage.variant + stage.visit) % 2 == 0
        middle = 0.5 if square else SIDE if right else 1.0 - SIDE
        cut = cut_out(stage.theme, stage.cutout)
        tall, wide = (0.66, 1.1) if upright else (0.60, 0.9) if square else (0.94, 0.62)
        level = 0.69 if square else LEVEL
        self.figure = stand(cut, stage.width, stage.height, middle=middle, tall=tall, wide=wide, level=level)
        self.backing = backing(self.figure, RADIUS * min(stage.width, stage.height))
        shape, table = _inks(inks, swapped=stage.visit % 4 >= 2)
        if is_logo(cut):
            shape, table = mix(inks.ground, glow_of(inks), QUIET), logo_table(inks, key_of(inks))
        self.shape = solid(shape)
        self.glow = glow_of(inks)
        self.layer = self.figure.inked(table, stage.unit)
        self.ground = Glow(stage, inks.ground, mix(inks.ground, glow_of(inks), 0.7), (middle, 0.75), 0.75)
        self.halo = Halo(self.figure, (inks.light, inks.accent), stage) if stage.finale else None
        self.turn = float(stage.random().uniform(-0.3, 0.3)) if stage.motif != "arch" else 0.0

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = self.ground.frame(moment)
        sway = breathing(stage, moment)
        x, y, reach = self.backing
        run = 0.4 * stage.pace * moment.time
        centre = (
            x - 0.6 * sway.right + 0.022 * stage.width * sin(1.6 * run),
            y + 0.028 * stage.height * sin(0.9 * run + 1.0),
        )
        radius = reach * (1.0 + 0.045 * stage.depth * moment.pulse)
        turn = self.turn + 0.05 * run * (stage.motif != "arch")
        self._waves(image, centre, radius, turn, moment)
        fill(image, self._outline(radius, centre, turn), self.shape)
        if self.halo is not None:
            self.halo.draw(image, sway, moment)
        lay(image, self.layer, self.figure.at(sway))
        return image

    def _outline(self, radius: float, centre: tuple[float, float], turn: float) -> Points:
        """The song's shape; an arch stands on the ground."""
        points = outline(self.stage.motif, radius, centre, turn)
        if self.stage.motif == "arch":
            points[-2:, 1] = 1.1 * self.stage.height
        return points

    def _waves(self, image: Frame, centre: tuple[float, float], radius: float, turn: float, moment: Moment) -> None:
        """Faint copies of the shape go out from it with the beat and fade; each bar sends out a ring that thins."""
        run = 0.5 * (0.6 * moment.step + 0.4 * moment.count)
        for number in range(WAVES, -1, -1):
            age = (number + run - np.floor(run)) / WAVES
            if age < 1.0:
                ink = mix(self.stage.inks.ground, self.glow, 1.0 - age)
                fill(image, self._outline(radius * (1.0 + REACH * age), centre, turn), solid(ink))
        gone = moment.bar - np.floor(moment.bar)
        ring = radius * (1.08 + 0.5 * (moment.bar_step - np.floor(moment.bar_step)) + 0.5 * gone)
        width = 7.0 * self.stage.unit * (1.0 - gone) + 0.6
        stroke(image, self._outline(ring, centre, turn), self.shape, width, closed=True)


def backing(figure: Figure, most: float) -> tuple[float, float, float]:
    """Where a shape stands behind the subject's head, or behind a whole object: x, y, radius in pixels."""
    mask = figure.cut.mask
    if footing(figure.cut).free:
        tall, wide = mask.shape
        return figure.x + 0.5 * wide, figure.y + 0.5 * tall, min(max(0.56 * max(tall, wide), 0.5 * most), most)
    rows = max(1, round(UPPER * min(figure.foot, float(len(mask)))))
    columns = mask[:rows].sum(axis=0, dtype=np.float64)
    middle = float((columns * np.arange(len(columns))).sum() / max(float(columns.sum()), 1.0))
    wide = float(np.count_nonzero(columns > 0.1 * columns.max()))
    return figure.x + middle, figure.y + 0.62 * rows, min(max(0.64 * wide, 0.58 * most), most)


def _inks(inks: Inks, *, swapped: bool) -> tuple[Lab, Table]:
    """The shape's ink and the subject's table."""
    key = key_of(inks)
    match key:
        case "night":
            shape, body = (inks.mid, inks.accent) if swapped else (inks.accent, inks.mid)
        case "paper":
            shape, body = (inks.mid, inks.accent) if swapped else (inks.accent, inks.mid)
        case "colour":
            shape, body = (inks.accent if swapped else inks.low), inks.ground
    return shape, graded(inks, key, body)
