"""Slices: the picture cut into bands that are thrown aside on each beat and come back, in a second ink."""

from __future__ import annotations

from itertools import pairwise
from math import exp, floor

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.load import Gray, Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.grading import graded, key_of, two_bodies
from services.generator.builtin.picture.view import View

LOOK = LookEntry(
    name="slices",
    family="photo",
    summary="Bands of the picture, thrown aside on each beat.",
    needs=("picture",),
    stand_in="tunnel",
    mark=4.0,
    energy=(0.6, 1.0),
    sections=("drop", "chorus"),
    texture="photo",
    movement="beat",
    most_seconds=4.0,
)

BANDS = 11
THROWN = 4
"""Bands that a beat throws."""
REACH = (0.04, 0.13)
"""Parts of the frame's longer way along the bands that one is thrown."""
DECAY = 3.4
"""How fast they come back, for a beat."""
ATTACK = 0.09
"""Parts of a beat that a throw takes."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Slices(stage, stage.theme)


class Slices:
    """Thrown bands wear the second of two inks of one lightness, so that the colour jumps and the light doesn't."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        self.stage = stage
        self.view = View(stage, picture)
        inks = stage.inks
        key = key_of(inks)
        first, second = two_bodies(inks, key)
        if stage.visit % 2:
            first, second = second, first
        self.tables = graded(inks, key, first), graded(inks, key, second)
        self.across = stage.height >= stage.width * 1.2 or (stage.variant + stage.visit) % 2 == 0
        length = stage.height if self.across else stage.width
        parts = np.cumsum(stage.random().uniform(0.5, 1.6, BANDS))
        edges = np.rint(np.concatenate([[0.0], parts / parts[-1]]) * length).astype(int)
        self.bands = [(int(a), int(b)) for a, b in pairwise(edges)]

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        light = self.view.light(moment, 11.0) + np.float32(7.0 * stage.depth * moment.pulse)
        tone = np.asarray(cv2.add(self.view.tone(moment), light, dtype=cv2.CV_8U), dtype=np.uint8)
        beat = floor(moment.count)
        phase = moment.count - beat
        image = np.asarray(cv2.applyColorMap(tone, self.tables[0]), dtype=np.uint8)
        loud = stage.depth * (0.55 + 0.45 * moment.energy)
        for band, throw in self._throws(beat).items():
            rise = min(1.0, phase / ATTACK)
            away = throw * loud * (rise * (2.0 - rise)) * exp(-DECAY * max(0.0, phase - ATTACK))
            self._lay(image, tone, band, away)
        return image

    def _throws(self, beat: int) -> dict[int, float]:
        """The bands that a beat throws, and how far, in parts of the frame. The next beat throws others: a band
        that jumped on each would flicker."""
        random = np.random.default_rng([self.stage.seed, 47, beat // 2 + (1 << 20)])
        order = random.permutation(BANDS)
        ways = (
            random.uniform(*REACH, BANDS) * random.choice((-1.0, 1.0), BANDS) * (1.15 if self.stage.finale else 1.0)
        )
        half = slice(0, THROWN) if beat % 2 == 0 else slice(THROWN, 2 * THROWN)
        chosen, ways = order[half], ways[half]
        return {int(band): float(way) for band, way in zip(chosen, ways, strict=True)}

    def _lay(self, image: Frame, tone: Gray, band: int, away: float) -> None:
        first, last = self.bands[band]
        if first == last:
            return
        if self.across:
            image[first:last] = cv2.applyColorMap(
                _aside(tone[first:last], round(away * self.stage.width)), self.tables[1]
            )
        else:
            moved = _aside(tone[:, first:last].T, round(away * self.stage.height)).T
            image[:, first:last] = cv2.applyColorMap(np.ascontiguousarray(moved), self.tables[1])


def _aside(band: Gray, right: int) -> Gray:
    """The band moved by whole pixels; its end is mirrored into the gap."""
    wide = cv2.copyMakeBorder(band, 0, 0, max(right, 0), max(-right, 0), cv2.BORDER_REFLECT)
    first = max(-right, 0)
    return np.ascontiguousarray(wide[:, first : first + band.shape[1]], dtype=np.uint8)
