"""Title: a page with the song's name, and its shape beside it, from which bands go out with the beat."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sin

import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import mix, solid
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.shapes import fill
from services.generator.builtin.type.title import TitleBlock

LOOK = LookEntry(
    name="title",
    family="type",
    summary="A page with the song's name; bands go out from its shape.",
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
SHAPE = 0.24
"""The shape's radius, in parts of the shorter side."""
PITCH = 0.135
"""Width of a band, likewise."""
BANDS_A_BEAT = 0.5
DRIFT = 0.22
"""Bands a second that go out without any beat."""
FAINT = (0.34, 0.13)
"""How far the bands differ from the ground: near the shape, and at the far end of the page, behind the title."""
SWELL = 0.07
SWAY = 0.02


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
    """All is flat: bands, the shape, and type that rises from its line."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.page = page(stage)
        inks = stage.inks
        self.strong = max((inks.accent, inks.mid), key=lambda ink: float(np.linalg.norm(ink - inks.ground)))
        self.other = inks.mid if self.strong is inks.accent else inks.accent
        self.ink = solid(max(inks.row, key=lambda ink: abs(float(ink[0] - inks.ground[0]))))
        left, top, wide, high = self.page.title
        width, height = round(wide * stage.width), round(high * stage.height)
        self.title = TitleBlock(stage.text, "", width, height, TITLE * stage.unit)
        self.at = round(left * stage.width), round(top * stage.height + 0.5 * (height - self.title.height))
        random = stage.random()
        self.phase = float(random.uniform(0.0, 2.0 * pi))
        self.turn = float(random.uniform(-0.3, 0.3)) if stage.motif not in {"arch", "disc"} else 0.0

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = np.empty((stage.height, stage.width, 3), np.uint8)
        image[:] = solid(stage.inks.ground)
        short = min(stage.width, stage.height)
        run = 0.6 * stage.pace * moment.time + self.phase
        x = self.page.shape[0] * stage.width + SWAY * short * sin(run)
        y = self.page.shape[1] * stage.height + SWAY * short * sin(0.8 * run + 0.5 * pi)
        turn = self.turn + 0.04 * run * (stage.motif not in {"arch", "disc"})
        self._bands(image, moment, (x, y), turn)
        radius = SHAPE * short * (1.0 + SWELL * stage.depth * moment.pulse)
        fill(image, outline(stage.motif, radius, (x, y), turn), solid(self.strong))
        self.title.draw(image, self.at, moment.shot, ink=self.ink, line=self.ink)
        return image

    def _bands(self, image: Frame, moment: Moment, centre: tuple[float, float], turn: float) -> None:
        """Every other band is the ground itself; they fade on their way out."""
        stage = self.stage
        pitch = PITCH * min(stage.width, stage.height)
        out = BANDS_A_BEAT * moment.step + DRIFT * stage.pace * moment.time
        whole = int(np.floor(out))
        count = int(np.hypot(stage.width, stage.height) / pitch) + 1
        for number in range(count, -1, -1):
            place = number + out - whole
            share = float(np.interp(place / count, (0.1, 0.6), FAINT)) * ((number - whole) % 2)
            shape = outline(stage.motif, (place + 1.0) * pitch, centre, turn)
            fill(image, shape, solid(mix(stage.inks.ground, self.other, share)))
