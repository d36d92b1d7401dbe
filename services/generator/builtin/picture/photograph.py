"""The theme picture as a graded photograph: in its own colours and the palette's at once, and in depth."""

from __future__ import annotations

from math import cos, sin

import cv2
import numpy as np
from cv2.typing import MatLike

from libs.picture.load import Picture
from services.generator.builtin.camera import Pose, frame_to_source
from services.generator.builtin.looks.stage import Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab
from services.generator.builtin.paint.grading import Key, body_of, graded, key_of
from services.generator.builtin.paint.noise import Field
from services.generator.builtin.picture.framing import Framing
from services.generator.builtin.picture.plates import Matrix, Plates
from services.generator.builtin.picture.view import View, sampled

KEEP = 0.88
"""How much of its own colour the photograph keeps beside the palette's."""
APART = 0.014
"""Parts of the width that the subject stands off its place, to either side."""
LIGHT = 22.0
TINT = 0.66
"""A photograph that keeps all of its own colour gives up so much of the palette's: the rest tints it."""
VIVID = 26.0
"""Colour, in levels away from grey, that isn't made any stronger."""
GAIN = (0.92, 2.8)
"""How far colour follows where the grading makes a place lighter or darker."""
SKIN = 0.8
"""How much less of the palette's tint a subject has."""


class Photograph:
    """The graded photograph in depth, lit, without anything before the lens."""

    def __init__(self, stage: Stage, picture: Picture, keep: float = KEEP) -> None:
        self.stage = stage
        self.view = View(stage, picture)
        inks = stage.inks
        key = key_of(inks)
        image = toned(self.view.framing, inks, key, body_of(inks, key), keep)
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

    def light(self, moment: Moment) -> Field:
        """Wandering light and the breath of the beat, small."""
        return self.view.small_light(moment, LIGHT) + np.float32(9.0 * self.stage.depth * moment.pulse)


def toned(framing: Framing, inks: Inks, key: Key, body: Lab, keep: float) -> Frame:
    """The picture in its own colours and the palette's at once.

    Its lightness goes through the grading; `keep` (0..1) is how much of its own colour it keeps. A known subject
    is tinted less than its ground: skin stays skin.
    """
    table = graded(inks, key, body)
    print_ = cv2.cvtColor(cv2.applyColorMap(framing.tone, table), cv2.COLOR_BGR2YCrCb)
    own = cv2.cvtColor(framing.source, cv2.COLOR_BGR2YCrCb)
    if framing.mask is not None:
        print_ = _paler(print_, framing.mask)
    level, was = (cv2.split(colours)[0].astype(np.float32) + np.float32(8.0) for colours in (print_, own))
    away = own[..., 1:].astype(np.float32) - np.float32(128.0)
    strong = np.maximum(np.abs(away).max(axis=-1), np.float32(1.0))
    most = np.maximum(np.float32(VIVID) / strong, np.float32(1.0))
    gain = np.clip(level / was, GAIN[0], np.minimum(most, np.float32(GAIN[1])))[..., None] * np.float32(keep)
    tint = np.float32(1.0 - TINT * keep)
    middle = np.float32(128.0)
    chroma = middle + (print_[..., 1:] - middle) * tint + away * gain
    mixed = np.dstack([print_[..., :1], np.clip(np.rint(chroma), 0, 255).astype(np.uint8)])
    return np.asarray(cv2.cvtColor(mixed, cv2.COLOR_YCrCb2BGR), dtype=np.uint8)


def _paler(colours: MatLike, mask: MatLike) -> MatLike:
    """YCrCb with less of its colour where the mask is."""
    rest = cv2.LUT(mask, np.rint(255.0 - SKIN * np.arange(256)).astype(np.uint8))
    luma, *chroma = cv2.split(colours)
    grey = cv2.multiply(cv2.bitwise_not(rest), np.full_like(rest, 128), scale=1.0 / 255.0)
    return cv2.merge([luma, *(cv2.add(cv2.multiply(part, rest, scale=1.0 / 255.0), grey) for part in chroma)])
