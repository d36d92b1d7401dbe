"""Kaleidoscope: the picture in a ring of mirrors that turn by the beat, in a few flat inks, lit from its heart."""

from __future__ import annotations

from math import cos, pi, radians, sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Gray, Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, mix, ramp
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.noise import Field
from services.generator.builtin.picture.framing import framed

LOOK = LookEntry(
    name="kaleidoscope",
    family="collage",
    summary="The picture in turning mirrors, in flat inks.",
    needs=("picture",),
    stand_in="tunnel",
    mark=4.0,
    energy=(0.5, 1.0),
    sections=("bridge", "drop", "instrumental"),
    texture="flat",
    movement="beat",
    most_seconds=8.0,
)

MIRRORS = (12, 10, 16)
SOURCE = 720
"""Side of the square that is mirrored, in pixels of 720."""
TURN = 7.5
"""Degrees for a beat; most of it right after the beat."""
BANDS = 6


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Kaleidoscope(stage, stage.theme)


class Kaleidoscope:
    """One wedge of a turned square, folded by a fixed map; its tones fall into flat bands with smooth edges."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        random = stage.random()
        self.side = round(SOURCE * stage.unit)
        frame = framed(picture, self.side, self.side, 1.04)
        self.source = flattened(frame.tone, 7.0 * stage.unit)
        self.scale = frame.scale
        self.centre = richest(frame.tone, 0.5)
        self.mirrors = MIRRORS[(stage.variant + stage.visit) % 3] + (4 if stage.finale else 0)
        self.turn = float(random.uniform(0.0, 360.0))
        self.aim = random.uniform(-0.06, 0.06, 2)
        self.away, self.angle = _polar(stage)
        self.tables = [self._table(stage.inks, part / 15.0) for part in range(16)]
        reach = float(np.hypot(stage.width, stage.height)) / 2.0
        small = stage.grid(90)
        heart = cv2.resize(self.away, small, interpolation=cv2.INTER_AREA) / np.float32(reach)
        self.heart = (46.0 * np.exp(-((heart / 0.34) ** 2)) - 58.0 * np.clip(heart - 0.3, 0.0, 1.0)).astype(
            np.float32
        )
        self.ring = heart
        self.map_x, self.map_y = self._fold()

    def _fold(self) -> tuple[Field, Field]:
        """Where each pixel of the frame lies in the square: the heart of the rose in the square's corner."""
        wedge = 2.0 * pi / self.mirrors
        folded = np.abs((self.angle + wedge / 2.0) % wedge - wedge / 2.0)
        reach = np.float32(0.80 * self.side / max(self.stage.width, self.stage.height) * 2.0)
        radius = self.away * reach
        x = 0.16 * self.side + radius * np.cos(folded + 0.35)
        y = 0.16 * self.side + radius * np.sin(folded + 0.35)
        first, second = cv2.convertMaps(x.astype(np.float32), y.astype(np.float32), cv2.CV_16SC2)
        return np.asarray(first), np.asarray(second)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        side = self.side
        turn = radians(self.turn + TURN * (0.6 + 0.4 * stage.motion) * moment.step + 2.0 * stage.pace * moment.time)
        near = self.scale / (1.02 + 0.10 * sin(0.5 * moment.time) + 0.05 * stage.depth * moment.bar_pulse)
        across, up = near * cos(turn), near * sin(turn)
        drift = side * self.scale * 0.09
        middle_x = self.centre[0] + side * self.scale * self.aim[0] + drift * sin(0.23 * stage.pace * moment.time)
        middle_y = self.centre[1] + side * self.scale * self.aim[1] + drift * cos(0.31 * stage.pace * moment.time)
        half = side / 2.0
        matrix = np.array(
            [[across, -up, middle_x - (across - up) * half], [up, across, middle_y - (up + across) * half]]
        )
        square = cv2.warpAffine(
            self.source,
            matrix,
            (side, side),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        rose = cv2.remap(square, self.map_x, self.map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        wave = np.float32(9.0) * np.cos(np.float32(9.0) * self.ring - np.float32(pi * moment.step))
        light = (self.heart + wave.astype(np.float32) * np.float32(stage.depth)).astype(np.float32)
        full = cv2.resize(light, (stage.width, stage.height), interpolation=cv2.INTER_LINEAR)
        tone = cv2.add(rose, full, dtype=cv2.CV_8U)
        return np.asarray(
            cv2.applyColorMap(tone, self.tables[round(15 * stage.depth * moment.pulse)]), dtype=np.uint8
        )

    def _table(self, inks: Inks, beat: float) -> np.ndarray:
        """Bands of ink, their edges a few levels soft; the beat widens the bright ones."""
        row = bands_of(inks)
        stops: list[tuple[float, Lab]] = []
        for index, ink in enumerate(row):
            first = max(0.0, index / len(row) - 0.03 * beat) if index else 0.0
            last = (index + 1) / len(row) - (0.03 * beat if index + 1 < len(row) else 0.0)
            nearby = mix(ink, row[min(index + 1, len(row) - 1)], 0.22)
            stops += [(first + (0.014 if index else 0.0), ink), (last - 0.002, nearby)]
        return ramp(stops)


def bands_of(inks: Inks) -> list[Lab]:
    """The inks of the bands from shade to light; their steps are even, so that none of them glares."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return [dark, mix(dark, low, 0.7), low, mid, high, mix(high, light, 0.75)]
        case "paper":
            return [mix(dark, mid, 0.6), mid, high, mix(high, light, 0.5), light, mix(light, mid, 0.14)]
        case "colour":
            return [mix(dark, mid, 0.3), low, mid, inks.ground, mix(inks.ground, light, 0.5), light]


def flattened(tone: Gray, radius: float) -> Gray:
    """The picture's tones as soft shapes that use the whole range evenly."""
    rich = cv2.createCLAHE(clipLimit=5.0, tileGridSize=(4, 4)).apply(tone)
    return np.asarray(cv2.equalizeHist(cv2.GaussianBlur(rich, (0, 0), max(1.0, radius))), dtype=np.uint8)


def richest(tone: Gray, part: float) -> tuple[float, float]:
    """The middle of the square, `part` of the shorter side wide, that has most detail; in pixels."""
    scale = 96.0 / min(tone.shape)
    small = cv2.GaussianBlur(cv2.resize(tone, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), (0, 0), 1.5)
    detail = np.sqrt(np.abs(cv2.Laplacian(small, cv2.CV_32F)))
    half = round(96 * part / 2.0)
    inner = cv2.boxFilter(detail, -1, (2 * half + 1, 2 * half + 1))[half : -half or None, half : -half or None]
    y, x = np.unravel_index(int(np.argmax(inner)), inner.shape)
    return float(x + half) / scale, float(y + half) / scale


def _polar(stage: Stage) -> tuple[Field, Field]:
    y, x = np.mgrid[0 : stage.height, 0 : stage.width].astype(np.float32)
    x, y = x - np.float32((stage.width - 1) / 2.0), y - np.float32((stage.height - 1) / 2.0)
    return np.hypot(x, y), np.arctan2(y, x)
