"""Reveal: ink runs over paper, and where it has run the picture shows; its edge stays wet and breathes."""

from __future__ import annotations

from math import cos, sin

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Table, mix, solid
from services.generator.builtin.paint.grading import Key, body_of, graded, key_of
from services.generator.builtin.paint.noise import Field, periodic
from services.generator.builtin.picture.view import View

LOOK = LookEntry(
    name="reveal",
    family="press",
    summary="The picture where ink has run over paper.",
    needs=("picture",),
    stand_in="silk",
    mark=4.5,
    energy=(0.0, 0.7),
    sections=("intro", "pre-chorus", "outro"),
    texture="soft",
    movement="drift",
)

SHORT = 200
TILE = 256
DROPS = 7
SPREAD_S = 4.2
"""Seconds until the ink has run as far as it goes; never faster, or the page would flash."""
DIM = 96.0
"""Mean tone of a picture that doesn't stand out from dark paper."""
BLEED = 0.052
"""How wide the ink's edge is, in parts of the run."""
EDGE = 58.0
"""Levels that the pigment darkens the picture by where it gathers."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Reveal(stage, stage.theme)


class Reveal:
    """A map of when the ink arrives, made once from drops and grain of the paper, and bent by slow currents."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture, closeness=1.06)
        inks = stage.inks
        key = key_of(inks)
        dark, low, mid, _, light = inks.by_lightness
        dim = float(self.view.framing.tone.mean()) < DIM
        coloured = dim or stage.visit % 2 == 1
        papers = {"night": mix(low, mid, 0.5) if coloured else dark, "paper": light, "colour": inks.ground}
        tones: dict[Key, Key] = {"night": "night", "paper": "colour", "colour": "paper"}
        body = body_of(inks, key) if key != "colour" else mid
        self.table = graded(inks, "paper" if key == "paper" else tones[key], body)
        bare = np.array(solid(papers[key]), np.float64)
        rest = 1.0 - np.arange(256)[:, None, None] / 255.0
        self.paper: Table = np.rint(rest * bare).astype(np.uint8)
        self.size = stage.grid(SHORT)
        width, height = self.size
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        self.x, self.y = columns, rows
        self.coarse_x, self.coarse_y = (
            cv2.resize(axis, (width // 4, height // 4), interpolation=cv2.INTER_AREA) * np.float32(0.9)
            for axis in (columns, rows)
        )
        random = stage.random()
        self.currents = [periodic(random, TILE, 5.0) for _ in range(2)]
        self.arrival = self._arrival(random, [periodic(random, TILE, detail) for detail in (4.0, 11.0, 30.0)])
        self.turn = float(random.uniform(0.0, 6.28))

    def _arrival(self, random: np.random.Generator, grain: list[Field]) -> Field:
        """0 where the first drop falls, 1 where the ink comes last."""
        width, height = self.size
        coarse, middle, fine = (np.tile(tile, (3, 3))[:height, :width] for tile in grain)
        bend = 0.16 * SHORT
        x, y = self.x + bend * coarse * 0.6, self.y + bend * np.roll(coarse, 61, axis=1)[:, :width] * 0.6
        aim_x, aim_y = self._aim()
        spots = [(aim_x, aim_y, 0.0, 0.62)]
        for _ in range(DROPS - 1):
            spots.append(
                (
                    float(random.uniform(0.08, 0.92)),
                    float(random.uniform(0.10, 0.90)),
                    float(random.uniform(0.08, 0.5)),
                    float(random.uniform(0.28, 0.5)),
                )
            )
        field = np.full((height, width), 9.0, np.float32)
        for u, v, born, reach in spots:
            away = np.hypot(x - u * width, y - v * height) / (reach * min(width, height) * 1.25)
            field = np.minimum(field, np.float32(born) + away.astype(np.float32) ** 1.3 * np.float32(0.7))
        field = field + 0.055 * middle + 0.022 * fine
        low, high = np.percentile(field, (0.5, 93.0))
        return np.asarray((field - low) / (high - low), dtype=np.float32)

    def _aim(self) -> tuple[float, float]:
        """Where the first drop falls: on the subject, as the frame sees it."""
        framing = self.view.framing
        if framing.mask is None:
            return 0.5, 0.45
        _, top, _, bottom = cv2.boundingRect((framing.mask > 127).astype(np.uint8))
        moments = cv2.moments(framing.mask[top : top + max(4, bottom // 2)])
        x = moments["m10"] / max(moments["m00"], 1.0)
        y = top + moments["m01"] / max(moments["m00"], 1.0)
        u = (x - framing.centre[0]) / (self.stage.width * framing.scale) + 0.5
        v = (y - framing.centre[1]) / (self.stage.height * framing.scale) + 0.5
        return float(min(max(u, 0.15), 0.85)), float(min(max(v, 0.15), 0.85))

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        run = stage.pace * moment.time
        first, second = (
            cv2.resize(
                cv2.remap(
                    tile,
                    self.coarse_x + np.float32(300.0 + 7.0 * run * way),
                    self.coarse_y + np.float32(300.0 + 5.0 * run),
                    cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_WRAP,
                ),
                self.size,
                interpolation=cv2.INTER_LINEAR,
            )
            for tile, way in zip(self.currents, (1.0, -1.0), strict=True)
        )
        sway = np.float32(5.0 + 2.0 * stage.depth * moment.pulse)
        arrival = cv2.remap(
            self.arrival,
            self.x + sway * first + np.float32(1.5 * sin(0.4 * run + self.turn)),
            self.y + sway * second + np.float32(1.5 * cos(0.33 * run)),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        level = self._level(moment)
        small = np.clip((np.float32(level) - arrival) * np.float32(1.0 / BLEED), -1.0, 3.0)
        full = cv2.resize(
            ((small + 1.0) * np.float32(63.75)).astype(np.uint8),
            (stage.width, stage.height),
            interpolation=cv2.INTER_CUBIC,
        )
        share = cv2.LUT(full, SHARE)
        wet = cv2.LUT(full, WET)
        tone = cv2.add(self.view.tone(moment), self.view.light(moment, 10.0), dtype=cv2.CV_8U)
        seen = cv2.applyColorMap(cv2.subtract(tone, wet), self.table)
        shown = cv2.multiply(seen, cv2.merge([share, share, share]), scale=1.0 / 255.0)
        return np.asarray(cv2.add(shown, cv2.applyColorMap(share, self.paper)), dtype=np.uint8)

    def _level(self, moment: Moment) -> float:
        """How far the ink has run, in parts: quick at first, then ever slower; a beat drives it on for a moment."""
        part = min(1.0, moment.shot / SPREAD_S)
        ran = 0.24 + 0.60 * part * (2.0 - part) + 0.012 * max(0.0, moment.shot - SPREAD_S)
        return (
            min(ran, 1.02)
            + (0.12 * part if self.stage.finale else 0.0)
            + (0.016 * moment.pulse + 0.014 * moment.bar_pulse) * self.stage.depth
        )


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """How much of the picture shows, and how dark the pigment is, by the depth of the ink (64: its very edge)."""
    depth = np.arange(256) / 63.75 - 1.0
    share = np.clip((depth + 0.12) / 0.34, 0.0, 1.0)
    wet = EDGE * np.exp(-(((depth - 0.30) / 0.30) ** 2)) + 0.3 * EDGE * np.exp(-(((depth - 1.0) / 0.7) ** 2))
    return np.rint(255.0 * share * share * (3.0 - 2.0 * share)).astype(np.uint8), np.rint(wet).astype(np.uint8)


SHARE, WET = _tables()
