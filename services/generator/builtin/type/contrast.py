"""Ink that can be read: which inks a text takes, and the soft scrim that keeps the ground away from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, degrees
from typing import Literal

import numpy as np
import numpy.typing as npt

from libs.picture.oklab import oklab_of_pixels, toned_down
from services.generator.builtin.looks.stage import Frame
from services.generator.builtin.paint.colour import Inks, Lab, mix, solid
from services.generator.builtin.type.blend import Stamp, mix_in, stamp
from services.generator.builtin.type.raster import Alpha

APART = 0.45
"""How far ink and ground are apart in OKLab lightness, at least."""
_MARGIN = 0.02
_DENSITIES = np.linspace(0.0, 0.94, 48)
"""Scrims that are tried, the thinnest first."""
_QUANTILE = 0.90
"""Of the ground's pixels so many keep the distance; single bright dots don't matter."""
ASIDE = 0.92
"""How much thinner a scrim from the side is above and below the text."""
_DARK = 0.10
"""Light letters may cost so much more: dark grounds look richer than milky ones."""
_SAMPLES = 8000
"""About so many pixels of the ground are looked at."""
SOFT = 0.32
"""How far a scrim reaches beyond the text, in parts of the frame."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""
Edge = Literal["left", "right", "bottom", "across"]


@dataclass(frozen=True)
class Lettering:
    """The inks of a text on one scene: what is sung, what is just being sung, and what the scrim is made of."""

    paper: Lab
    accent: Lab
    scrim: Lab
    light: bool
    """Light letters on a dark ground."""

    @classmethod
    def over(cls, inks: Inks, ground: Sequence[Frame], box: Box, *, accented: bool) -> Lettering:
        """The inks whose scrim changes the picture less where the text stands; light letters when in doubt.

        ground: frames without the text. accented: the accent has to be read, too.
        """
        dark, bright = inks.by_lightness[0], inks.by_lightness[-1]
        lifted = _at_lightness(inks.accent, max(0.82, float(inks.accent[0])))
        deep = min((inks.accent, inks.mid, inks.low, inks.ground), key=_muddy)
        lowered = _at_lightness(deep, min(0.38, float(deep[0])))
        paper = _muted(bright, max(0.95, float(bright[0])), 0.035)
        night = cls(paper, lifted, _muted(dark, 0.15, 0.09), True)
        day = cls(_muted(dark, min(0.20, float(dark[0])), 0.06), lowered, _muted(bright, 0.965, 0.03), False)
        cost = [max(one.change(frame, box, accented=accented) for frame in ground) for one in (night, day)]
        return night if cost[0] <= cost[1] + _DARK else day

    def change(self, frame: Frame, box: Box, *, accented: bool) -> float:
        """How much of the picture's lightness the scrim costs in the box."""
        density = self.needed(frame, box, self.weakest(accented=accented))
        return density * abs(float(np.mean(lightness(frame, box))) - float(self.scrim[0]))

    def weakest(self, *, accented: bool) -> float:
        """The lightness of the ink that stands out least."""
        values = [float(self.paper[0]), float(self.accent[0])] if accented else [float(self.paper[0])]
        return min(values) if self.light else max(values)

    def needed(self, frame: Frame, box: Box, ink: float) -> float:
        """How dense the scrim must be, 0..1, for an ink of this lightness to be read in the box."""
        pixels = sampled(frame, box).reshape(-1, 3)
        light = oklab_of_pixels(pixels)[:, 0]
        place = int((_QUANTILE if self.light else 1.0 - _QUANTILE) * (len(light) - 1))
        worst = pixels[int(np.argpartition(light, place)[place])].astype(np.float64)
        veiled = worst + (np.array(solid(self.scrim)) - worst) * _DENSITIES[:, None]
        levels = oklab_of_pixels(np.rint(veiled).astype(np.uint8))[:, 0].astype(np.float64)
        away = ink - levels if self.light else levels - ink
        return float(np.interp(APART + _MARGIN, np.maximum.accumulate(away), _DENSITIES))


class Scrim:
    """A soft grade from one side of the frame: dense where the text stands, gone at the other side.

    `edge` is the side that it comes from; `across` a band over the whole width.
    """

    def __init__(self, width: int, height: int, box: Box, edge: Edge, soft: float = SOFT) -> None:
        x = (np.arange(width, dtype=np.float32) + 0.5)[None, :]
        y = (np.arange(height, dtype=np.float32) + 0.5)[:, None]
        beside = _gone(np.maximum(box[1] - y, y - box[3]) / (soft * height))
        if edge == "left":
            veil = _gone((x - box[2]) / (soft * width)) * (1.0 - ASIDE + ASIDE * beside)
        elif edge == "right":
            veil = _gone((box[0] - x) / (soft * width)) * (1.0 - ASIDE + ASIDE * beside)
        elif edge == "bottom":
            veil = _gone((box[1] - y) / (soft * height))
        else:
            veil = beside
        veil = np.broadcast_to(veil, (height, width))
        rows, columns = np.flatnonzero(veil.max(axis=1) > 0.01), np.flatnonzero(veil.max(axis=0) > 0.01)
        self.place = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        self.veil: Alpha = np.rint(255.0 * veil[self.place]).astype(np.uint8)
        self._ready: tuple[float, Stamp] | None = None

    def lay(self, frame: Frame, colour: Lab, density: float) -> None:
        """Draw the frame's part under the veil towards the colour; the same density again costs less."""
        if density <= 0.004:
            return
        if self._ready is None or self._ready[0] != density:
            self._ready = (density, stamp(self.veil, solid(colour), density))
        mix_in(frame[self.place], self._ready[1], (0, 0))


def _gone(away: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """1 at 0 and before, 0 from 1 on, soft between."""
    away = np.clip(away, 0.0, 1.0)
    return np.asarray(1.0 - away * away * (3.0 - 2.0 * away), dtype=np.float32)


def lightness(frame: Frame, box: Box) -> npt.NDArray[np.float32]:
    """OKLab lightness of some of the pixels in the box."""
    return np.asarray(oklab_of_pixels(sampled(frame, box))[..., 0], dtype=np.float32)


def sampled(frame: Frame, box: Box) -> Frame:
    """Some of the pixels in the box."""
    height, width = frame.shape[:2]
    x0, x1 = int(np.clip(box[0], 0, width - 1)), int(np.clip(box[2], 1, width))
    y0, y1 = int(np.clip(box[1], 0, height - 1)), int(np.clip(box[3], 1, height))
    part = frame[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    step = max(1, int(np.sqrt(part.shape[0] * part.shape[1] / _SAMPLES)))
    return np.ascontiguousarray(part[::step, ::step])


def _at_lightness(ink: Lab, value: float) -> Lab:
    moved = np.array(ink, dtype=np.float64)
    moved[0] = value
    return toned_down(moved)


def _muddy(ink: Lab) -> bool:
    """Whether the ink turns brown or olive, or is grey, when it is darkened."""
    hue = degrees(atan2(ink[2], ink[1])) % 360.0
    return 40.0 < hue < 165.0 or float(np.hypot(ink[1], ink[2])) < 0.04


def _muted(ink: Lab, value: float, chroma: float) -> Lab:
    grey = np.array([value, 0.0, 0.0])
    tinted = np.array([value, *ink[1:]])
    strong = float(np.hypot(ink[1], ink[2]))
    return toned_down(mix(grey, tinted, min(1.0, chroma / strong) if strong > 0.0 else 0.0))
