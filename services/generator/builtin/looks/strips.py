"""Strips: the picture in panels; on each bar a wave goes through them and turns some to a close view."""

from __future__ import annotations

from math import floor

import cv2
import numpy as np
from cv2.typing import MatLike

from libs.contracts.looks import LookEntry
from libs.picture.load import Picture
from services.generator.builtin.camera import frame_to_source
from services.generator.builtin.easing import quintic
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import solid
from services.generator.builtin.paint.grading import Key, graded, key_of, two_bodies
from services.generator.builtin.paint.layers import lit
from services.generator.builtin.picture.crop import FOCUS, Crop, head_of
from services.generator.builtin.picture.framing import Framing, framed_at
from services.generator.builtin.picture.view import View

LOOK = LookEntry(
    name="strips",
    family="collage",
    summary="Panels of the picture, turned by a wave on each bar.",
    needs=("picture",),
    stand_in="tiles",
    mark=4.0,
    energy=(0.4, 1.0),
    sections=("pre-chorus", "chorus", "build"),
    texture="photo",
    movement="bar",
    least_detail=0.02,
)

PANELS = 5
DELAY = 0.055
"""Bars from panel to panel of a wave."""
SLIDE = 0.24
"""Bars that a panel takes to turn."""
CLOSE = 1.8
"""Times that the close view is nearer than the frame needs; it may cut a head, since the whole is beside it."""
TRAVEL = 0.08
"""Parts of a panel's length that a view moves while it comes or goes."""
OTHER: dict[Key, Key] = {"night": "paper", "paper": "colour", "colour": "night"}


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Strips(stage, stage.theme)


class Strips:
    """Half of the panels show the picture as a whole, in line; between them the close view shows in other inks."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture, closeness=1.06)
        inks = stage.inks
        key = key_of(inks)
        first, second = two_bodies(inks, key)
        close = framed_at(picture, stage.width, stage.height, Crop(CLOSE, _focus(stage)), stage.subject)
        self.framings: tuple[Framing, Framing] = (self.view.framing, close)
        self.images = (
            cv2.applyColorMap(self.view.framing.tone, graded(inks, key, first)),
            cv2.applyColorMap(close.tone, graded(inks, OTHER[key], second)),
        )
        self.upright = stage.width >= 0.8 * stage.height
        length = stage.width if self.upright else stage.height
        count = PANELS + (2 if stage.finale else 0)
        self.edges = np.linspace(0, length, count + 1).round().astype(int)
        self.gap = max(1, round(3.0 * stage.unit))
        self.line = solid(inks.ground)
        self.order = stage.random().permutation(count) if stage.variant % 3 == 2 else np.arange(count)
        if stage.visit % 2:
            self.order = self.order[::-1]

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        image = np.empty((stage.height, stage.width, 3), np.uint8)
        for panel in range(len(self.edges) - 1):
            first, last = int(self.edges[panel]), int(self.edges[panel + 1])
            bar = moment.bar - DELAY * float(self.order[panel])
            turned = floor(bar)
            part = quintic(min(1.0, (bar - turned) / SLIDE))
            now = (turned + panel) % 2
            way = 1 if panel % 2 else -1
            self._panel(image, moment, (first, last), (now, part, way))
        done = lit(image, self.view.small_light(moment, 12.0) + np.float32(8.0 * stage.depth * moment.pulse))
        for edge in self.edges[1:-1]:
            at = slice(int(edge) - self.gap, int(edge) + self.gap)
            if self.upright:
                done[:, at] = self.line
            else:
                done[at] = self.line
        return done

    def _panel(self, image: Frame, moment: Moment, span: tuple[int, int], turn: tuple[int, float, int]) -> None:
        """Draw a panel. Its turn: the view that comes, how far it is, and the way that its edge runs.

        The views hardly move while they change: a view that slid past at this speed would flicker.
        """
        now, part, way = turn
        length = self.stage.height if self.upright else self.stage.width
        edge = round(length * part)
        fresh = (0, edge) if way > 0 else (length - edge, length)
        stale = (edge, length) if way > 0 else (0, length - edge)
        travel = TRAVEL * length * way
        for which, (first, last), shift in (
            (now, fresh, -travel * (1.0 - part)),
            (1 - now, stale, travel * part),
        ):
            if first >= last:
                continue
            if self.upright:
                box = (span[0], first, span[1], last)
                image[first:last, span[0] : span[1]] = self._seen(which, moment, box, (0.0, -shift))
            else:
                box = (first, span[0], last, span[1])
                image[span[0] : span[1], first:last] = self._seen(which, moment, box, (-shift, 0.0))

    def _seen(
        self, which: int, moment: Moment, box: tuple[int, int, int, int], shift: tuple[float, float]
    ) -> MatLike:
        stage, framing = self.stage, self.framings[which]
        pose = stage.pose(moment.shot)
        scale = framing.scale / (1.0 + (0.006, 0.012)[which] * stage.depth * moment.pulse)
        matrix = frame_to_source(pose, stage.width, stage.height, framing.centre, scale)
        left, top, right, bottom = box
        matrix[:, 2] += matrix[:, 0] * (left + shift[0]) + matrix[:, 1] * (top + shift[1])
        return cv2.warpAffine(
            self.images[which],
            matrix,
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )


def _focus(stage: Stage) -> tuple[float, float]:
    """Where the close view aims."""
    if stage.subject is None:
        return FOCUS
    left, top, right, bottom = head_of(stage.subject)
    return (left + right) / 2.0, (top + bottom) / 2.0
