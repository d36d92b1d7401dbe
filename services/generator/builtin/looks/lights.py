"""Lights: what shines in the picture comes loose from it and floats towards us, over its own glow."""

from __future__ import annotations

from math import pi, sin

import cv2
import numpy as np
from cv2.typing import MatLike

from libs.contracts.looks import LookEntry
from libs.picture.load import Gray, Picture
from services.generator.builtin.camera import Pose, frame_to_source
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.atmosphere import speck
from services.generator.builtin.paint.colour import Inks, Table, mix, ramp
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.noise import Field, periodic
from services.generator.builtin.picture.view import LIGHT_SHORT, View

LOOK = LookEntry(
    name="lights",
    family="photo",
    summary="The picture's lights float free over its glow.",
    needs=("picture",),
    stand_in="silk",
    mark=3.5,
    energy=(0.0, 0.6),
    sections=("intro", "bridge", "outro", "instrumental"),
    texture="soft",
    movement="drift",
    carries_type=True,
)

ROOM = 1.34
"""Frames that the floating lights fill."""
FLOOR = 24
"""Levels by which something has to stand out to shine."""
SHINING = 97.0
"""Percentile of the picture above which it shines: where all is detail, only the brightest of it does."""
NEAR = 0.30
"""How much nearer than the ground the nearest lights come over a shot."""
SPARED = 0.94
"""How light a subject is that keeps its tones."""
FLOATING = 120
"""Lights that are added, so that a picture without any has some."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Lights(stage, stage.theme)


class Lights:
    """The picture without its lights, its own lights nearer than it, and ours before them; what shines, glows."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture, closeness=1.16)
        self.back, self.own = parted(self.view.framing.tone, stage.unit * self.view.framing.scale)
        if self.view.framing.mask is not None:
            self._spare(self.view.framing.tone, self.view.framing.mask)
        self.near = self._floating()
        self.table, self.glow = tables_of(stage.inks)
        self.small = stage.grid(90)
        self.full = (stage.width, stage.height)
        self.half = ((stage.width + 1) // 2, (stage.height + 1) // 2)
        random = np.random.default_rng([stage.seed, 59])
        self.tiles = [periodic(random, 128, 4.0) for _ in range(2)]
        width, height = stage.grid(LIGHT_SHORT)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        self.x, self.y = columns, rows
        self.dense = np.clip(95.0 - 0.8 * float(self.back.mean()), 12.0, 80.0)

    def _spare(self, tone: Gray, mask: Gray) -> None:
        """The subject keeps its tones, and nothing of it shines: teeth that glow are uncanny."""
        self.own = np.asarray(cv2.subtract(self.own, mask), dtype=np.uint8)
        share = cv2.GaussianBlur(mask, (0, 0), 2.0 * self.stage.unit).astype(np.float32) / np.float32(255.0)
        kept = cv2.convertScaleAbs(tone, alpha=SPARED)
        self.back = np.asarray(cv2.blendLinear(kept, self.back, share, np.float32(1.0) - share), dtype=np.uint8)

    def _floating(self) -> Gray:
        """A frame and a third of soft lights, more where the picture is bright; a few large, faint discs."""
        stage = self.stage
        random = np.random.default_rng([stage.seed, 53])
        width, height = round(stage.width * ROOM), round(stage.height * ROOM)
        layer = np.zeros((height, width, 1), np.float32)
        rows, columns = self.back.shape
        placed = 0
        while placed < (2 * FLOATING if stage.finale else FLOATING):
            u, v, chance, size = random.uniform(0.0, 1.0, 4)
            bright = float(self.back[min(int(v * rows), rows - 1), min(int(u * columns), columns - 1)]) / 255.0
            if chance > 0.25 + bright:
                continue
            placed += 1
            spot = (
                self._disc(size)
                if placed % 14 == 0
                else speck((1.8 + 8.0 * size**4) * stage.unit) * np.float32(210)
            )
            half = spot.shape[0] // 2
            x = int(half + u * (width - 2 * half - 1))
            y = int(half + v * (height - 2 * half - 1))
            layer[y - half : y + half + 1, x - half : x + half + 1] += spot
        return np.asarray(np.clip(layer[..., 0], 0, 255), dtype=np.uint8)

    def _disc(self, size: float) -> Field:
        """A light far out of focus: a round disc, brighter at its rim."""
        radius = (16.0 + 44.0 * size) * self.stage.unit
        reach = int(radius) + 3
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        away = np.hypot(x, y)
        rim = 0.55 + 0.45 * (away / radius) ** 4
        return np.asarray(np.clip(radius - away, 0.0, 1.5) / 1.5 * rim * (74.0 - 34.0 * size), np.float32)[
            ..., None
        ]

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        beat = stage.depth * moment.pulse
        pose = stage.pose(moment.shot)
        soft = cv2.add(self._seen(self.back, pose, 0.8, self.half), self._clouds(moment), dtype=cv2.CV_8U)
        tone = cv2.resize(soft, self.full, interpolation=cv2.INTER_LINEAR)
        shining = cv2.addWeighted(
            self._seen(self.own, pose, 1.7, self.full), 0.95 + 0.5 * beat, self._before(moment, pose), 1.0, 0.0
        )
        tiny = cv2.resize(shining, self.small, interpolation=cv2.INTER_AREA)
        bloom = cv2.addWeighted(
            cv2.GaussianBlur(tiny, (0, 0), 1.6),
            0.9 + 0.5 * beat,
            cv2.GaussianBlur(tiny, (0, 0), 6.0),
            1.1 + beat,
            0.0,
        )
        halo = cv2.resize(bloom, (stage.width, stage.height), interpolation=cv2.INTER_LINEAR)
        glow = cv2.applyColorMap(cv2.add(shining, halo), self.glow)
        return np.asarray(cv2.add(cv2.applyColorMap(tone, self.table), glow), dtype=np.uint8)

    def _clouds(self, moment: Moment) -> Field:
        """Clouds of light that drift over the ground, the denser the darker the picture is."""
        run = np.float32(self.stage.pace * moment.time)
        first, second = (
            cv2.remap(
                tile,
                self.x * np.float32(size) + run * np.float32(2.2 * size) + np.float32(400.0),
                self.y * np.float32(size) - run * np.float32(1.3 * size) + np.float32(400.0),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_WRAP,
            )
            for tile, size in zip(self.tiles, (0.34, 0.85), strict=True)
        )
        cloud = np.maximum(first + np.float32(0.45) * second + np.float32(0.5), 0.0) ** 1.4 * np.float32(self.dense)
        small = cloud + self.view.small_light(moment, 12.0)
        return np.asarray(cv2.resize(small, self.half, interpolation=cv2.INTER_CUBIC), dtype=np.float32)

    def _seen(self, layer: MatLike, pose: Pose, depth: float, size: tuple[int, int]) -> MatLike:
        """A layer of the picture, at a size; the greater its depth, the more the camera moves it."""
        framing = self.view.framing
        moved = Pose(1.0 + depth * (pose.scale - 1.0), depth * pose.right, depth * pose.down, pose.roll)
        scale = framing.scale * self.full[0] / size[0]
        return cv2.warpAffine(
            layer,
            frame_to_source(moved, *size, framing.centre, scale),
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )

    def _before(self, moment: Moment, pose: Pose) -> MatLike:
        """The lights before everything: they rise and come nearer, and glint on the beat."""
        stage = self.stage
        along = moment.shot / max(stage.seconds, 1e-6)
        run = stage.pace * moment.time
        rows, columns = self.near.shape
        scale = 1.0 + NEAR * along * min(1.0, stage.seconds / 6.0) + 0.01 * stage.depth * moment.pulse
        away = Pose(scale, 2.4 * pose.right + 0.012 * sin(0.3 * run), 2.4 * pose.down + 0.014 * (run % 64.0), 0.0)
        matrix = frame_to_source(away, stage.width, stage.height, (columns / 2.0, rows / 2.0), 1.0)
        seen = cv2.warpAffine(
            self.near,
            matrix,
            (stage.width, stage.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_WRAP,
        )
        return cv2.convertScaleAbs(
            seen, alpha=0.62 + 0.38 * stage.depth * moment.pulse + 0.1 * sin(2.0 * pi * 0.4 * run)
        )


def parted(tone: Gray, unit: float) -> tuple[Gray, Gray]:
    """The picture without its lights, softened and dimmed; its lights alone."""
    size = 2 * max(2, round(6.0 * unit)) + 1
    ground = cv2.morphologyEx(tone, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    back = cv2.GaussianBlur(ground, (0, 0), 2.2 * unit)
    over = cv2.subtract(tone, ground)
    floor = max(FLOOR, int(np.percentile(over[::4, ::4], SHINING)))
    lights = cv2.subtract(over, np.full_like(tone, floor))
    return (
        np.asarray(cv2.convertScaleAbs(back, alpha=0.86), dtype=np.uint8),
        np.asarray(cv2.convertScaleAbs(lights, alpha=1.5), dtype=np.uint8),
    )


def tables_of(inks: Inks) -> tuple[Table, Table]:
    """The ground's grading, and the light that is added to it: black, then the accent, then nearly white."""
    dark, low, mid, high, light = inks.by_lightness
    black = np.zeros(3)
    match key_of(inks):
        case "night":
            ground = [
                (0.0, dark),
                (0.40, mix(dark, low, 0.9)),
                (0.72, mix(low, mid, 0.85)),
                (1.0, mix(mid, high, 0.7)),
            ]
            warm = high
        case "colour":
            ground = [
                (0.0, mix(dark, inks.ground, 0.25)),
                (0.38, mix(dark, inks.ground, 0.68)),
                (0.72, inks.ground),
                (1.0, mix(inks.ground, light, 0.5)),
            ]
            warm = mix(high, light, 0.3)
        case "paper":
            ground = [
                (0.0, mix(dark, mid, 0.5)),
                (0.45, mid),
                (0.8, mix(mid, high, 0.75)),
                (1.0, mix(high, light, 0.6)),
            ]
            warm = mix(high, light, 0.3)
    return ramp(ground), ramp([(0.0, black), (0.45, mix(black, warm, 0.62)), (0.75, warm), (1.0, light)])
