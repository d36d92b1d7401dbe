"""Tiles: a wall of plain shapes; on each beat a quarter of them makes a quarter turn, as a wave."""

from __future__ import annotations

from math import pi

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.easing import cubic_out
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import solid
from services.generator.builtin.paint.motif import unit_outline

LOOK = LookEntry(
    name="tiles",
    family="geometry",
    summary="Tiles of cut shapes, the song's own among them, that turn in waves.",
    mark=4.5,
    energy=(0.4, 1.0),
    sections=("chorus", "bridge"),
    texture="flat",
    movement="beat",
)

SIDES = (120.0, 90.0, 160.0)
"""Pixels of a tile at 720."""
SUBPIXEL = 4
KINDS = 256
"""Tiles are told apart by their place modulo this."""
DRIFT = 26.0
"""Pixels a second at 720 that the wall moves."""
DELAY = 0.05
"""Beats from one diagonal to the next."""

Points = npt.NDArray[np.float64]


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Tiles(stage)


class Tiles:
    """Each tile has a shape, two inks and one of four groups, all by its place in the wall."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        self.side = max(6, round(SIDES[stage.variant % 3] * stage.unit))
        inks = stage.inks
        ground = solid(inks.ground)
        others = [solid(ink) for ink in (inks.low, inks.mid, inks.accent, inks.light)]
        pairs = [(ground, ink) for ink in others] * 2 + [(others[0], others[2]), (others[1], ground)]
        pairs += [(others[2], others[3])]
        self.pairs = [pairs[index] for index in random.integers(0, len(pairs), KINDS)]
        own = (0.68 * unit_outline(stage.motif),)
        shapes = (*SHAPES, own, own)
        self.shapes = [shapes[index] for index in random.integers(0, len(shapes), KINDS)]
        self.quarter = random.integers(0, 4, KINDS)
        self.group = random.integers(0, 4, KINDS)
        self.way = (
            float(random.choice([-1.0, 1.0])) * DRIFT * stage.unit,
            float(random.choice([-0.6, 0.6])) * DRIFT * stage.unit,
        )

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        side = self.side
        image = np.empty((stage.height, stage.width, 3), np.uint8)
        right = self.way[0] * stage.pace * moment.time + 4000.0 * side
        down = self.way[1] * stage.pace * moment.time + 4000.0 * side
        swell = 1.0 + 0.06 * stage.depth * moment.pulse
        for row in range(int(down // side), int((down + stage.height) // side) + 1):
            top = round(row * side - down)
            for column in range(int(right // side), int((right + stage.width) // side) + 1):
                left = round(column * side - right)
                part = image[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
                if part.size:
                    self._tile(part, (column, row), (min(0, left), min(0, top)), swell, moment.count)
        return image

    def _tile(self, part: Frame, place: tuple[int, int], cut: tuple[int, int], swell: float, count: float) -> None:
        column, row = place
        kind = (column * 37 + row * 101 + (column * row) % 7 * 13) % KINDS
        below, above = self.pairs[kind]
        cv2.rectangle(part, (0, 0), part.shape[1::-1], below, cv2.FILLED)
        beat = (count - float(self.group[kind]) - DELAY * ((column + row) % 9)) / 4.0
        turns = np.floor(beat) + cubic_out((beat - np.floor(beat)) * 4.0 * 0.8)
        angle = (float(self.quarter[kind]) + turns) * pi / 2.0
        half = self.side / 2.0
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        for shape in self.shapes[kind]:
            points = shape @ turn * (half * (swell if len(self.shapes[kind]) == 1 else 1.0))
            points += np.array([cut[0] + half - 0.5, cut[1] + half - 0.5])
            corners = np.rint(points * (1 << SUBPIXEL)).astype(np.int32)
            cv2.fillPoly(part, [corners], above, cv2.LINE_AA, SUBPIXEL)


def _arc(x: float, y: float, radius: float, start: float, end: float) -> Points:
    """Points on a circle, angles in quarter turns; a tile reaches from -1 to 1."""
    at = np.linspace(start, end, 5 + round(6 * (end - start))) * pi / 2.0
    return np.stack([x + radius * np.cos(at), y + radius * np.sin(at)], axis=-1)


def _sector(radius: float) -> Points:
    return np.concatenate([[[-1.0, -1.0]], _arc(-1.0, -1.0, radius, 0.0, 1.0)])


def _band(inner: float, outer: float) -> Points:
    return np.concatenate([_arc(-1.0, -1.0, outer, 0.0, 1.0), _arc(-1.0, -1.0, inner, 0.0, 1.0)[::-1]])


SHAPES: tuple[tuple[Points, ...], ...] = (
    (_sector(2.0),),
    (_sector(2.0),),
    (_arc(0.0, -1.0, 1.0, 0.0, 2.0), _arc(0.0, 0.0, 1.0, 0.0, 2.0)),
    (_arc(-1.0, 0.0, 1.0, -1.0, 1.0),),
    (np.array([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]),),
    (_arc(0.0, 0.0, 0.62, 0.0, 4.0),),
    (_band(0.5, 1.0), _band(1.5, 2.0)),
    (np.concatenate([_arc(-1.0, -1.0, 2.0, 0.0, 1.0), _arc(1.0, 1.0, 2.0, 2.0, 3.0)]),),
)
"""Quarter discs, halves, a triangle, a dot, arcs and a leaf. Read only."""
