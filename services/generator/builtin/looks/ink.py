"""Ink: drops of the song's motif fall on the beat into water that turns, and are drawn out into threads."""

from __future__ import annotations

from math import ceil, floor, pi

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Table, mix, ramp
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.noise import Field, dither, periodic
from services.generator.builtin.paint.shapes import fill

LOOK = LookEntry(
    name="ink",
    family="flow",
    summary="Drops of ink fall on the beat and are drawn out into threads.",
    mark=5.0,
    sections=("intro", "verse", "bridge", "outro"),
    texture="soft",
    movement="drift",
)

SHORT = 216
"""Cells of the dye on the shorter side; half of them for a picture of less than twice as many pixels."""
RATE = 30
"""Steps a second."""
WARM_S = 6.0
"""Seconds of the song before the clip that are gone through, so that the water is never empty; in double steps."""
KEEP = 20
"""Steps from one kept state to the next: frames may be asked for in any order."""
FALL = 5
"""Steps that a drop takes to fall."""
COARSE = 4
"""Cells of the dye, of `SHORT`, for one of the current."""
TILE = 256


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Ink(stage)


def _water(inks: Inks, variant: int) -> Table:
    """From clear water to thick ink: light in the night, dark on paper, milk or ink on a colour."""
    dark, low, mid, high, light = inks.by_lightness
    match key_of(inks):
        case "night":
            return ramp([(0.0, dark), (0.22, mix(dark, low, 0.8)), (0.46, mid), (0.76, high), (1.0, light)])
        case "paper":
            body = (mid, inks.accent)[variant % 2]
            pale = np.array([mix(light, body, 0.35)[0], *(0.75 * body[1:])])
            return ramp([(0.0, light), (0.20, pale), (0.50, body), (1.0, mix(dark, body, 0.25))])
        case "colour":
            body = inks.ground
            if float(body[0]) > 0.6:
                return ramp([(0.0, body), (0.4, mix(body, low, 0.6)), (0.72, low), (1.0, dark)])
            return ramp([(0.0, body), (0.35, mix(body, high, 0.7)), (0.6, high), (1.0, light)])


class Ink:
    """A dye carried backward along the curl of three noises that wander over each other (semi-Lagrangian)."""

    def __init__(self, stage: Stage) -> None:
        random = stage.random()
        self.stage = stage
        side = min(stage.width, stage.height)
        self.fine = 1.0 if side >= 2 * SHORT else 0.5
        self.short = min(round(SHORT * self.fine), side)
        self.width, self.height = stage.grid(self.short)
        self.step = round(COARSE * self.fine)
        self.coarse = (ceil(self.width / self.step) + 1, ceil(self.height / self.step) + 1)
        hills = [periodic(random, TILE, detail) for detail in (5.0, 7.5, 11.0)]
        self.currents = [_curl(hill) for hill in hills]
        self.strength = (1.0, 0.8, 0.55)
        self.home = random.uniform(0, TILE, (3, 2))
        angle = random.uniform(0, 2 * pi, 3)
        self.wander = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * np.array([[2.2], [3.4], [5.0]])
        rows, columns = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
        self.rows, self.columns = rows, columns
        self.low_y, self.low_x = (
            grid.astype(np.float32) * np.float32(self.step)
            for grid in np.mgrid[0 : self.coarse[1], 0 : self.coarse[0]]
        )
        self.grain = dither(random, stage.height, stage.width)
        self.table = _water(stage.inks, stage.variant)
        self.first = -round(WARM_S * RATE / 2)
        self.kept: dict[int, Field] = {self.first: np.zeros((self.height, self.width), np.float32)}
        self.at, self.dye = self.first, self.kept[self.first]

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        place = moment.shot * RATE
        whole = floor(place + 1e-6)
        dye = self._state(whole)
        if place - whole > 0.01:
            share = np.float32(place - whole)
            dye = dye + (self._state(whole + 1) - dye) * share
        thick = np.float32(1.0) - np.exp(np.float32(-1.5 - 0.12 * stage.depth * moment.pulse) * dye)
        glow = cv2.resize(thick, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        glow = cv2.resize(cv2.GaussianBlur(glow, (0, 0), 4.0 * self.fine), (self.width, self.height))
        value = cv2.addWeighted(thick, 232.0, glow, 40.0 if stage.finale else 26.0, 0.0)
        full = cv2.resize(value, (stage.width, stage.height), interpolation=cv2.INTER_CUBIC)
        index = cv2.add(full, self.grain, dtype=cv2.CV_8U)
        return np.asarray(cv2.applyColorMap(index, self.table), dtype=np.uint8)

    def _state(self, step: int) -> Field:
        """The dye after a step; what went before is gone through from the last state that was kept."""
        if not self.at <= step:
            self.at = max(kept for kept in self.kept if kept <= step)
            self.dye = self.kept[self.at]
        while self.at < step:
            self.dye = self._stepped(self.dye, self.at)
            self.at += 1
            if self.at % KEEP == 0:
                self.kept.setdefault(self.at, self.dye)
        return self.dye

    def _stepped(self, dye: Field, step: int) -> Field:
        """The dye one step later."""
        stage = self.stage
        pace = 2.0 if step < 0 else 1.0
        seconds = pace * step / RATE
        moment = stage.music(seconds)
        drive = (0.55 + 0.75 * moment.energy) * stage.pace * (1.0 + 0.8 * stage.depth * moment.pulse)
        right, down = self._current(moment)
        drops = self._drops(seconds)
        for x, y, size, age in drops:
            push = np.float32(0.75 * (1.0 - age)) * size
            off_x, off_y = self.low_x - x, self.low_y - y
            reach = np.exp(-(off_x**2 + off_y**2) / np.float32(2.0 * (1.5 * size) ** 2)) / size
            right, down = right + push * reach * off_x, down + push * reach * off_y
        scale = np.float32(-0.0034 * self.short * drive * pace)
        wide = (self.coarse[0] * self.step, self.coarse[1] * self.step)
        flows = [
            cv2.resize(flow * scale, wide, interpolation=cv2.INTER_LINEAR)[: self.height, : self.width]
            for flow in (right, down)
        ]
        moved = cv2.remap(
            dye, self.columns + flows[0], self.rows + flows[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT
        )
        moved = np.maximum(moved, np.float32(0.0)) * np.float32(0.9925**pace)
        for x, y, size, age in drops:
            stamp = np.zeros((self.height, self.width), np.uint8)
            fill(stamp, outline(stage.motif, size * (0.35 + 0.65 * age), (x, y), 0.3 * x), 255)
            edge, heart = (
                cv2.GaussianBlur(stamp, (0, 0), 1.3 * self.fine),
                cv2.GaussianBlur(stamp, (0, 0), 0.35 * size),
            )
            moved = np.maximum(moved, cv2.addWeighted(edge, 0.7 / 255.0, heart, 1.2 / 255.0, 0.0, dtype=cv2.CV_32F))
        return np.asarray(np.minimum(moved, np.float32(3.0)), dtype=np.float32)

    def _current(self, moment: Moment) -> tuple[Field, Field]:
        right = np.zeros((self.coarse[1], self.coarse[0]), np.float32)
        down = right.copy()
        for (x, y), home, way, strength in zip(self.currents, self.home, self.wander, self.strength, strict=True):
            at = home + way * moment.time
            matrix = np.array([[1.0, 0.0, at[0] % TILE], [0.0, 1.0, at[1] % TILE]])
            right += np.float32(strength) * self._seen(x, matrix)
            down += np.float32(strength) * self._seen(y, matrix)
        return right, down

    def _seen(self, flow: Field, matrix: npt.NDArray[np.float64]) -> Field:
        """The part of a periodic tile that lies under the grid."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(flow, matrix, self.coarse, flags=flags, borderMode=cv2.BORDER_WRAP)
        return np.asarray(seen, dtype=np.float32)

    def _drops(self, seconds: float) -> list[tuple[float, float, float, float]]:
        """The drops that fall now: place and size in cells, and how far they have fallen, 0..1."""
        stage = self.stage
        now, before = stage.music(seconds), stage.music(seconds - FALL / RATE)
        found = []
        for beat in range(floor(before.count) + 1, floor(now.count) + 1):
            large = floor(now.bar) != floor(before.bar)
            age = (now.count - beat) / (now.count - before.count)
            random = np.random.default_rng([stage.seed, beat % (1 << 31)])
            for _ in range(2 if stage.finale and large else 1):
                x = (0.5 + 0.36 * random.uniform(-1, 1)) * self.width
                y = (0.5 + 0.34 * random.uniform(-1, 1)) * self.height
                size = (
                    self.short * (0.088 if large else 0.052) * random.uniform(0.85, 1.15) * (0.8 + 0.4 * now.energy)
                )
                found.append((float(x), float(y), float(size), min(1.0, age)))
        return found


def _curl(hill: Field) -> tuple[Field, Field]:
    """The current along a noise's contours, mean speed 1: it never gathers or parts."""
    down = np.roll(hill, -1, axis=0) - np.roll(hill, 1, axis=0)
    right = np.roll(hill, -1, axis=1) - np.roll(hill, 1, axis=1)
    speed = np.float32(np.hypot(down, right).mean())
    return np.asarray(down / speed, dtype=np.float32), np.asarray(-right / speed, dtype=np.float32)
