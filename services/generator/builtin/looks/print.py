"""Print: the picture hung on a plain ground, a disc that stands on its edge, a hairline."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.colour import Lab, solid
from services.generator.builtin.grading import graded
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.looks.view import View
from services.generator.builtin.picture import Picture

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
)

SUBPIXEL = 4
WIDE, TALL = 0.52, 0.80
"""Parts of the frame that the print takes where the frame is wide; a tall frame turns them round."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Print(stage, stage.theme)


class Print:
    """The print slides slowly over the ground while its own camera goes on; the disc answers to the beat."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        random = stage.random()
        self.stage = stage
        across, along = (WIDE, TALL) if stage.width > stage.height else (0.80, 0.56)
        self.width, self.height = round(across * stage.width), round(along * stage.height)
        camera = replace(stage, width=self.width, height=self.height)
        self.view = View(camera, picture)
        inks = stage.inks
        self.ground = inks.ground
        rest = [ink for ink in (inks.accent, inks.mid, inks.low) if _apart(ink, inks.ground) > 0.12]
        self.disc = rest[0] if rest else inks.light
        self.line = max(inks.row, key=lambda ink: _apart(ink, inks.ground))
        body = inks.by_lightness[2]
        self.table = graded(inks, "night" if float(inks.ground[0]) > 0.6 else "paper", body)
        self.side = (-1.0, 1.0)[stage.variant % 2]
        self.rise = float(random.uniform(-0.5, 0.5))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        width, height = stage.width, stage.height
        unit = stage.unit
        image = np.empty((height, width, 3), np.uint8)
        image[:] = solid(self.ground)
        slide = 0.018 * stage.pace * (moment.shot - 0.5 * stage.seconds)
        tall = height > width
        left = (width - self.width) * (0.5 if tall else 0.5 + 0.34 * self.side) - self.side * slide * width
        top = (height - self.height) * (0.5 + 0.2 * self.side if tall else 0.5) - (slide * height if tall else 0.0)
        x, y = int(np.clip(round(left), 0, width - self.width)), int(np.clip(round(top), 0, height - self.height))
        tone = cv2.add(self.view.tone(moment), self.view.light(moment, 16.0), dtype=cv2.CV_8U)
        image[y : y + self.height, x : x + self.width] = cv2.applyColorMap(tone, self.table)
        radius = 0.17 * min(width, height) * (1.0 + 0.09 * stage.depth * moment.pulse)
        run = 0.045 * stage.pace * moment.shot
        if tall:
            at = (width * (0.30 + run), y + (self.height if self.side < 0 else 0.0))
            start, end = (0.08 * width, at[1] + self.side * -0.12 * height), (0.92 * width, 0.0)
        else:
            at = (x + (self.width if self.side < 0 else 0.0), height * (0.70 - 0.12 * self.rise - run))
            start, end = (0.06 * width, 0.94 * height), (0.94 * width, 0.0)
        rule = round(float(np.clip(start[1], 0.04 * height, 0.96 * height)))
        thick = max(1, round(2.0 * unit))
        cv2.line(image, (round(start[0]), rule), (round(end[0]), rule), solid(self.line), thick)
        centre = (round(at[0] * (1 << SUBPIXEL)), round(at[1] * (1 << SUBPIXEL)))
        cv2.circle(image, centre, round(radius * (1 << SUBPIXEL)), solid(self.disc), -1, cv2.LINE_AA, SUBPIXEL)
        return image


def _apart(first: Lab, second: Lab) -> float:
    return float(np.linalg.norm(first - second))
