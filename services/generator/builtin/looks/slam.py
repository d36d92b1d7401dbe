"""Slam: the sung words, one at a time, as wide as the frame, on flat colours of one lightness."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from libs.contracts.looks import LookEntry
from libs.picture.oklab import from_lch, toned_down
from libs.type.faces import Role
from services.generator.builtin.easing import expo_out
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Lab, solid
from services.generator.builtin.paint.motif import outline
from services.generator.builtin.paint.shapes import fill
from services.generator.builtin.type.blend import lay
from services.generator.builtin.type.display import capitals, display_word
from services.generator.builtin.type.phrases import Sung, sung_lines
from services.generator.builtin.type.raster import Alpha, Mask

LOOK = LookEntry(
    name="slam",
    family="type",
    summary="The sung words, one at a time, as wide as the frame.",
    needs=("words",),
    stand_in="tiles",
    mark=4.0,
    energy=(0.6, 1.0),
    sections=("drop", "chorus", "verse"),
    texture="letters",
    movement="beat",
    most_seconds=6.0,
)

LIGHTNESS = 0.68
"""Of every ground: hues change without a flash."""
CHROMA = 0.15
WIDE, TALL = 0.90, 0.66
"""Parts of the frame that a word takes."""
LEAST_S = 0.34
"""Words that are sung faster are shown together."""
LONELY_S = 0.9
"""A single letter waits so long for the next word."""
HUE_S = 0.8
"""A ground stays at least so long."""
LAND_S = 0.32
HIGHER = 0.10
"""How much larger a word comes in."""
DRIFT = 0.012
"""Parts of its size that a word shrinks a second."""
ECHO = 0.24
"""How strong the rows above and below a word are where the frame is tall."""
MUD = (74.0, 146.0)
"""Hues in degrees that look dirty at this lightness."""
STALE_S = 2.5
"""So long after its word was sung a screen shows the hook, if there is one."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Slam(stage)


@dataclass(frozen=True)
class Hit:
    """What is shown from a time on, and which ground it stands on."""

    text: str
    start: float
    ground: int


class Slam:
    """Each word lands large and settles; behind it the song's shape goes slowly its way."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        words = [word for line in sung_lines(stage.words, "grotesk") for word in line]
        self.hits = _hits(sorted(words, key=lambda word: word.start))
        self.times = [hit.start for hit in self.hits]
        self.grounds = _grounds(stage)
        self.ink = solid(np.array([0.17, *(0.25 * self.grounds[0][1:])]))
        self.upright = stage.height > 1.2 * stage.width
        random = stage.random()
        self.phase = float(random.uniform(0.0, 2.0 * np.pi))
        self.way = float(random.choice((-1.0, 1.0)))
        self.mask = lru_cache(maxsize=4)(self._mask)

    def frame(self, moment: Moment) -> Frame:
        stage = self.stage
        hit = self._hit(moment)
        ground = self.grounds[hit.ground % len(self.grounds)]
        image = np.empty((stage.height, stage.width, 3), np.uint8)
        image[:] = solid(ground)
        reach = 0.62 * min(stage.width, stage.height)
        turn = 0.25 * moment.bar_step + 0.06 * moment.time
        away = 0.34 * max(stage.width, stage.height)
        along = self.phase + self.way * (0.9 * moment.bar_step + 0.22 * moment.time)
        across, down = (0.35, 1.0) if self.upright else (1.0, 0.35)
        centre = (
            0.5 * stage.width + across * away * np.cos(along),
            0.5 * stage.height + down * away * np.sin(along),
        )
        radius = reach * (1.0 + 0.05 * stage.depth * moment.bar_pulse)
        fill(image, outline(stage.motif, radius, centre, turn), solid(_tone(ground)))
        self._letters(image, hit, moment)
        return image

    def _hit(self, moment: Moment) -> Hit:
        """What is shown now: the word that is being sung, or the hook, one word a beat."""
        index = bisect_right(self.times, moment.time) - 1
        hook = self.stage.text.split()
        if hook and (index < 0 or moment.time - self.times[index] > STALE_S):
            beat = int(np.floor(moment.count))
            length = moment.count - beat
            return Hit(hook[beat % len(hook)], moment.time - 0.5 * length, beat // 2)
        return self.hits[max(index, 0)]

    def _mask(self, text: str) -> Mask | None:
        tall = (0.30 if self.upright else TALL) * self.stage.height
        wide = WIDE * self.stage.width
        role: Role = "display" if self.upright else "grotesk"
        return display_word(capitals(text), wide, tall, role) or display_word(text, wide, tall, role)

    def _letters(self, image: Frame, hit: Hit, moment: Moment) -> None:
        mask = self.mask(hit.text)
        if mask is None:
            return
        age = max(moment.time - hit.start, 0.0)
        scale = (1.0 + HIGHER * (1.0 - expo_out(age / LAND_S))) * max(0.85, 1.0 - DRIFT * age)
        scale /= 1.0 + HIGHER
        pitch = 1.16 * mask.height
        rows = 1
        if self.upright:
            rows = max(1, 2 * int(0.5 * self.stage.height / pitch - 0.42) + 1)
        across, along = scale * mask.width, scale * mask.height
        for number in range(-(rows // 2), rows // 2 + 1):
            x = 0.5 * (self.stage.width - across)
            y = 0.5 * (self.stage.height - along) + number * pitch * scale
            land = expo_out((age - 0.05 * abs(number)) / LAND_S)
            lay(image, *_scaled(mask.alpha, scale, x, y), self.ink, 1.0 if number == 0 else ECHO * land)


def _scaled(alpha: Alpha, scale: float, x: float, y: float) -> tuple[Alpha, tuple[int, int]]:
    """The mask at a scale and a place between pixels, and the whole pixel where it begins."""
    left, top = int(np.floor(x)), int(np.floor(y))
    matrix = np.array([[scale, 0.0, x - left], [0.0, scale, y - top]], np.float32)
    size = (int(np.ceil(scale * alpha.shape[1])) + 1, int(np.ceil(scale * alpha.shape[0])) + 1)
    return np.asarray(cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_LINEAR), np.uint8), (left, top)


def _hits(words: list[Sung]) -> list[Hit]:
    """Words, the fast ones together, each with the number of its ground."""
    found: list[Hit] = []
    parts: list[str] = []
    start = changed = -np.inf
    ground = 0
    for index, word in enumerate(words):
        if not parts:
            start = word.start
        parts.append(f" {word.text}" if word.spaced and parts else word.text)
        after = words[index + 1].start if index + 1 < len(words) else np.inf
        lonely = sum(map(len, parts)) == 1 and after - start < LONELY_S
        if after - start >= LEAST_S and not lonely:
            if start - changed >= HUE_S and len(found) % 2 == 0:
                ground, changed = ground + 1, start
            found.append(Hit("".join(parts), float(start), ground))
            parts = []
    return found


def _grounds(stage: Stage) -> list[Lab]:
    """Two hues of the palette at one lightness."""
    hues = [_clear(float(np.degrees(np.arctan2(ink[2], ink[1])))) for ink in (stage.inks.accent, stage.inks.mid)]
    apart = (hues[1] - hues[0] + 180.0) % 360.0 - 180.0
    if abs(apart) < 30.0:
        hues[1] = _clear(hues[0] + (50.0 if apart >= 0.0 else -50.0))
    if stage.visit % 2:
        hues.reverse()
    return [toned_down(from_lch(LIGHTNESS, CHROMA, hue)) for hue in hues]


def _tone(ground: Lab) -> Lab:
    """The shape's colour: the ground's, a little lighter."""
    return toned_down(np.array([float(ground[0]) + 0.055, *(0.92 * ground[1:])]))


def _clear(hue: float) -> float:
    """The hue, out of those that look like mud at this lightness."""
    hue %= 360.0
    if MUD[0] < hue < MUD[1]:
        return MUD[0] if hue - MUD[0] < MUD[1] - hue else MUD[1]
    return hue
