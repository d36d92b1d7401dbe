"""Parallax: the photograph with real depth; the subject stands free before its ground, dust hangs between."""

from __future__ import annotations

from math import cos, sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from services.generator.builtin.camera import Pose, frame_to_source
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.atmosphere import Dust, Leak
from services.generator.builtin.paint.grading import body_of, key_of
from services.generator.builtin.paint.layers import lit, photograph
from services.generator.builtin.picture.framing import Picture
from services.generator.builtin.picture.plates import Matrix, Plates
from services.generator.builtin.picture.view import View, sampled

LOOK = LookEntry(
    name="parallax",
    family="photo",
    summary="The photograph with depth: its subject stands free before the ground.",
    needs=("picture",),
    stand_in="silk",
    mark=4.5,
    energy=(0.0, 0.7),
    sections=("verse", "bridge", "outro"),
    texture="photo",
    movement="drift",
    carries_type=True,
    least_pixels=500,
)

KEEP = 0.88
"""How much of its own colour the photograph keeps beside the palette's."""
APART = 0.014
"""Parts of the width that the subject stands off its place, to either side."""
LIGHT = 22.0


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Parallax(stage, stage.theme)


class Photograph:
    """The graded photograph in depth, lit, without anything before the lens."""

    def __init__(self, stage: Stage, picture: Picture, keep: float = KEEP) -> None:
        self.stage = stage
        self.view = View(stage, picture)
        inks = stage.inks
        key = key_of(inks)
        image = photograph(self.view.framing, inks, key, body_of(inks, key), keep)
        self.bright = float(cv2.mean(image)[1]) / 255.0
        self.plates = Plates(image, self.view.framing) if self.view.framing.mask is not None else None
        self.image = cv2.merge([*cv2.split(image), np.zeros(image.shape[:2], np.uint8)])

    def seen(self, moment: Moment, weave: tuple[float, float] = (0.0, 0.0)) -> Frame:
        """The frame; `weave` shifts it, in parts of its width and height."""
        if self.plates is None:
            return np.ascontiguousarray(sampled(self.image, *self.view.maps(moment))[..., :3])
        stage = self.stage
        pose = stage.pose(moment.shot)
        beat = 0.007 * stage.depth * moment.pulse
        turn = 0.5 * stage.pace * moment.time
        aside, along = APART * sin(turn), 0.4 * APART * cos(0.8 * turn)
        down = pose.down + weave[1]
        far = Pose(
            1.0 + 0.62 * (pose.scale - 1.0) + 0.4 * beat,
            0.7 * pose.right - 0.35 * aside + weave[0],
            0.7 * down - 0.35 * along,
            pose.roll,
        )
        near = Pose(pose.scale + beat + 0.012, pose.right + aside + weave[0], down + along, pose.roll)
        return self.plates.drawn((stage.width, stage.height), self._matrix(far), self._matrix(near))

    def _matrix(self, pose: Pose) -> Matrix:
        stage, framing = self.stage, self.view.framing
        return frame_to_source(pose, stage.width, stage.height, framing.centre, framing.scale).astype(np.float32)

    def light(self, moment: Moment) -> np.ndarray:
        """Wandering light and the breath of the beat, small."""
        return self.view.small_light(moment, LIGHT) + np.float32(9.0 * self.stage.depth * moment.pulse)


class Parallax:
    """The photograph under wandering light, with dust before it."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        inks = stage.inks
        _, _, _, high, light = inks.by_lightness
        self.photo = Photograph(stage, picture)
        dark = key_of(inks) != "paper"
        self.dust = Dust(stage, light, 44 if stage.finale else 30, 0.5 if dark else 0.3)
        self.leak = Leak(stage, (inks.accent, high), 0.42 * (1.0 - self.photo.bright))

    def frame(self, moment: Moment) -> Frame:
        image = lit(self.photo.seen(moment), self.photo.light(moment))
        return self.dust.fall(self.leak.fall(image, moment), moment)
