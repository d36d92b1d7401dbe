"""Flashes a second, as WCAG 2.3.1 defines them: general and red ones. Pure, frame by frame.

A swing is a change of a cell's relative luminance by a tenth or more, the darker state being below 0.8; a flash
is two opposing swings. It counts where more than a quarter of the picture flashes within the same second, in step
or not. (WCAG speaks of a quarter of any 10 degrees of the view; how far away anybody sits is not known, so the
whole picture is meant.)
A red flash is the same for `(R - G - B) * 320` of linear light with swings over 20, a saturated red at either end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from libs.measure.light import Light, luminance

LIMIT = 3.0
"""Flashes in any one second that WCAG 2.3.1 allows."""
AREA = 0.25
_SWING = 0.1
_BRIGHT = 0.8
_RED_SWING = 20 / 320
_SATURATED = 0.8

Values = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class Flashes(NamedTuple):
    """The most flashes within one second, and the second of the video at which that second begins."""

    a_second: float
    """Two opposing swings are one; a single swing is half of one."""
    at: float


class Swings(NamedTuple):
    """When cells have swung, in order of time: an entry for each time at which any did."""

    cells: int
    """How many cells there are."""
    times: list[float]
    swung: list[npt.NDArray[np.uint16]]
    """The cells that did, to the light or away from it."""

    def then(self, later: Swings) -> Swings:
        """These and those of a later part of the same video."""
        return Swings(self.cells, self.times + later.times, self.swung + later.swung)


class FlashMeter:
    """Takes the cells of one frame after the other."""

    def __init__(self) -> None:
        self._general = _Follower(_SWING, lambda low, _: low)
        self._red = _Follower(_RED_SWING, lambda low, high: low | high)

    def add(self, cells: Light, seconds: float) -> float:
        """The cells of the frame shown from `seconds` on. Answers its mean luminance."""
        light = luminance(cells)
        self._general.add(light.ravel(), (light < _BRIGHT).ravel(), seconds)
        red, total = cells[..., 0], cells[..., 0] + cells[..., 1] + cells[..., 2]
        self._red.add(np.maximum(2 * red - total, 0).ravel(), (red >= _SATURATED * total).ravel(), seconds)
        return float(light.mean())

    def general(self) -> Swings:
        """The swings of luminance so far."""
        return self._general.swings()

    def red(self) -> Swings:
        """The swings of red so far."""
        return self._red.swings()


class _Follower:
    """Follows each cell from one extreme to the other, and notes when it has swung by `least` or more.

    `counts` says from the flags of the low and the high state whether a swing between them counts.
    """

    def __init__(self, least: float, counts: Callable[[Flags, Flags], Flags]) -> None:
        self._least = np.float32(least - 1e-4)
        self._counts = counts
        self._low: Values | None = None
        self._high: Values | None = None
        self._direction = np.zeros(0, np.int8)
        self._times: list[float] = []
        self._swung: list[npt.NDArray[np.uint16]] = []

    def add(self, value: Values, flag: Flags, seconds: float) -> None:
        if self._low is None or self._high is None:
            self._low, self._high = value.copy(), value.copy()
            self._low_flag, self._high_flag = flag.copy(), flag.copy()
            self._direction = np.zeros(value.size, np.int8)
            return
        np.copyto(self._high_flag, flag, where=value > self._high)
        np.copyto(self._low_flag, flag, where=value < self._low)
        np.maximum(self._high, value, out=self._high)
        np.minimum(self._low, value, out=self._low)
        up = (value - self._low >= self._least) & (self._direction <= 0)
        down = (self._high - value >= self._least) & (self._direction >= 0)
        if not (up.any() or down.any()):
            return
        up &= self._counts(self._low_flag, flag)
        down &= self._counts(flag, self._high_flag)
        for swung, direction in ((up, 1), (down, -1)):
            self._direction[swung] = direction
            for extreme, flags in ((self._low, self._low_flag), (self._high, self._high_flag)):
                extreme[swung], flags[swung] = value[swung], flag[swung]
        both = np.concatenate([np.flatnonzero(up), np.flatnonzero(down)]).astype(np.uint16)
        if both.size:
            self._times.append(seconds)
            self._swung.append(both)

    def swings(self) -> Swings:
        return Swings(self._direction.size, self._times, self._swung)


def worst_second(swings: Swings) -> Flashes:
    """The second in which more than a quarter of the cells made most swings each."""
    many = int(AREA * swings.cells)
    cells = np.concatenate([np.zeros(0, np.uint16), *swings.swung])
    begins = np.cumsum([0, *(one.size for one in swings.swung)])
    best = Flashes(0.0, 0.0)
    starts = np.asarray(swings.times)
    lasts = begins[np.searchsorted(starts, starts + 1.0 - 1e-6)]
    for start, first, last in zip(starts, begins, lasts, strict=False):
        if last - first <= 2 * best.a_second * many:
            continue
        counts = np.bincount(cells[first:last], minlength=swings.cells)
        flashes = float(np.partition(counts, -many - 1)[-many - 1]) / 2
        if flashes > best.a_second:
            best = Flashes(flashes, float(start))
    return best
