"""The picture as the camera sees it: near and far parts move apart, light wanders over it."""

from __future__ import annotations

from math import cos, sin

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from libs.picture.load import Gray, Picture
from services.generator.builtin.camera import frame_to_source
from services.generator.builtin.looks.stage import Moment, Stage
from services.generator.builtin.paint.noise import Field, periodic
from services.generator.builtin.picture.framing import framed_near

MAP_SHORT = 54
LIGHT_SHORT = 45
LIGHT_TILE = 128
PARALLAX = 0.011
"""Parts of the width that the nearest part moves to either side; more would bend faces."""
CLOSENESS = (1.04, 1.5, 1.22)
"""Of neighbouring scenes: as a whole, close, nearer."""
ASIDE = (0.0, -0.06, 0.08)
"""Parts of the picture that the view then stands beside its aim."""
DOTS_A_HEAD = 27.0
"""Dots that a head is high, at least."""
DEPTH_SHORT = 72
"""Cells on the picture's shorter side that know how near it is."""


class View:
    """Samples the picture for each moment of a shot."""

    def __init__(
        self,
        stage: Stage,
        picture: Picture,
        *,
        screened: bool = False,
        closeness: float | None = None,
    ) -> None:
        self.stage = stage
        which = (stage.variant + stage.visit) % 3
        self.framing = framed_near(
            picture,
            stage.width,
            stage.height,
            CLOSENESS[which] if closeness is None else closeness,
            subject=stage.subject,
            aside=ASIDE[which] if closeness is None else 0.0,
            screened=screened,
        )
        self.size = (stage.width, stage.height)
        self.map_width, self.map_height = stage.grid(MAP_SHORT)
        across = (np.arange(self.map_width, dtype=np.float32) + 0.5) * stage.width / self.map_width - 0.5
        along = (np.arange(self.map_height, dtype=np.float32) + 0.5) * stage.height / self.map_height - 0.5
        self.x, self.y = (part.astype(np.float32) for part in np.meshgrid(across, along))
        self._buffers: dict[bool, tuple[Field, Field]] = {}
        self.near, self.near_scale = self._nearness()
        random = stage.random()
        self.light_tile = periodic(random, LIGHT_TILE, 1.8)
        width, height = stage.grid(LIGHT_SHORT)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        self.light_x, self.light_y = columns * np.float32(0.8), rows * np.float32(0.8)
        away = ((columns + 0.5) / width - 0.5) ** 2 + ((rows + 0.5) / height - 0.5) ** 2
        self.vignette = (-38.0 * np.maximum(away - 0.12, 0.0)).astype(np.float32)

    def _nearness(self) -> tuple[Field, float]:
        """0 far, 1 near, over the picture, and its cells for one pixel of it.

        A known subject is one flat plane before a floor that comes towards us; it is widened, so that what
        stretches is the ground beside it. An unknown one is guessed to stand in the middle.
        """
        tall, wide = self.framing.tone.shape
        scale = DEPTH_SHORT / min(tall, wide)
        width, height = max(2, round(wide * scale)), max(2, round(tall * scale))
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        v = (rows + 0.5) / height
        if self.framing.mask is None:
            u = (columns + 0.5) / width - 0.5
            subject = 0.9 * np.exp(-((u / 0.30) ** 2 + ((v - 0.55) / 0.48) ** 2) * 1.2)
            return np.maximum(0.45 * v**1.5, subject).astype(np.float32), scale
        mask = cv2.resize(self.framing.mask, (width, height), interpolation=cv2.INTER_AREA)
        reach = 2 * max(1, round(0.025 * width)) + 1
        widened = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        flat = cv2.GaussianBlur(widened, (0, 0), 0.4 * reach).astype(np.float32) / 255.0
        floor = 0.10 + 0.35 * v**1.5
        return np.asarray(floor + (0.85 - floor) * flat, dtype=np.float32), scale

    def matrix(self, moment: Moment) -> npt.NDArray[np.float32]:
        """The camera: 2 x 3, from frame pixels to the picture's."""
        stage = self.stage
        beat = 1.0 + 0.007 * stage.depth * moment.pulse
        pose = stage.pose(moment.shot)
        scale = self.framing.scale / beat
        return frame_to_source(pose, stage.width, stage.height, self.framing.centre, scale).astype(np.float32)

    def swing(self, moment: Moment) -> tuple[float, float]:
        """How far the nearest part stands aside of where it rests, in the picture's pixels."""
        stage = self.stage
        reach = PARALLAX * stage.width * self.framing.scale
        turn = 0.55 * stage.pace * moment.time
        return reach * sin(turn), 0.5 * reach * cos(0.83 * turn)

    def maps(self, moment: Moment, *, half: bool = False) -> tuple[Field, Field]:
        """Where each pixel of the frame, or of one half as large, lies in the picture; good until the next call."""
        part = self.matrix(moment)
        aside, along = self.swing(moment)
        x = part[0, 0] * self.x + part[0, 1] * self.y + part[0, 2]
        y = part[1, 0] * self.x + part[1, 1] * self.y + part[1, 2]
        cells = np.float32(self.near_scale)
        near = cv2.remap(self.near, x * cells, y * cells, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        full_x, full_y = self.buffers(half)
        size = (full_x.shape[1], full_x.shape[0])
        cv2.resize(x + np.float32(aside) * near, size, dst=full_x, interpolation=cv2.INTER_LINEAR)
        cv2.resize(y + np.float32(along) * near, size, dst=full_y, interpolation=cv2.INTER_LINEAR)
        return full_x, full_y

    def buffers(self, half: bool) -> tuple[Field, Field]:
        """Room for the maps; kept, since fresh memory costs more than what is written there."""
        if half not in self._buffers:
            width, height = self.size
            shape = ((height + 1) // 2, (width + 1) // 2) if half else (height, width)
            self._buffers[half] = (np.empty(shape, np.float32), np.empty(shape, np.float32))
        return self._buffers[half]

    def soft(self, image: MatLike, moment: Moment, light: float) -> Gray:
        """A blurred image of one channel as the frame sees it, under wandering light. It is sampled at half the
        size: for what is soft that is enough, and a third of the work."""
        seen = sampled(image, *self.maps(moment, half=True))
        small = self.small_light(moment, light)
        wave = cv2.resize(small, (seen.shape[1], seen.shape[0]), interpolation=cv2.INTER_LINEAR)
        lit = cv2.add(seen, wave, dtype=cv2.CV_8U)
        return np.asarray(cv2.resize(lit, self.size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)

    def pitch(self, most: float, least: float) -> float:
        """Pixels from dot to dot of a screen: `most` at 720, less where a head is so small that its features would
        be lost between the dots."""
        head = self.framing.head / self.stage.unit
        wished = most if head <= 0.0 else min(max(head / DOTS_A_HEAD, least), most)
        return max(4.0, wished * self.stage.unit)

    def tone(self, moment: Moment) -> Gray:
        """The picture's lightness in the frame, 0..255, sharp, without the wandering light."""
        return self.seen(self.framing.tone, moment)

    def seen(self, image: MatLike, moment: Moment) -> Gray:
        """An image of the framing's size as the frame sees it, of one channel or several."""
        return sampled(image, *self.maps(moment))

    def light(self, moment: Moment, strength: float) -> Field:
        """Light and shade that wander over the frame, in levels of tone, at the frame's size."""
        small = self.small_light(moment, strength)
        return np.asarray(cv2.resize(small, self.size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)

    def small_light(self, moment: Moment, strength: float) -> Field:
        """The same on its own small grid."""
        run = moment.time * self.stage.pace
        wave = cv2.remap(
            self.light_tile,
            self.light_x + np.float32(9.0 * run + 500.0),
            self.light_y + np.float32(4.0 * run + 500.0),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        return np.asarray(np.clip(wave, -2.0, 2.0) * np.float32(strength) + self.vignette, dtype=np.float32)


def sampled(image: MatLike, x: Field, y: Field) -> Gray:
    """An image of the picture's size as the frame sees it, of one channel or several."""
    seen = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(seen, dtype=np.uint8)
