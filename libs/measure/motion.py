"""How much moves, and where nothing does. Pure, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from libs.measure.light import Small, brightest

APART = 0.5
"""Seconds between two pictures that are compared for what an eye would see move."""
EVERY = 0.25
VISIBLE_LEVELS = 8
"""A pixel of the small picture that changes by more, of 255 in any colour, has visibly changed."""
STILL_SHARE = 0.004
"""Up to this share of such pixels (20 of 96 x 54) nothing visible moves."""


class Change(NamedTuple):
    """Which share of the pixels has visibly changed from one time to another."""

    start: float
    end: float
    share: float


class Still(NamedTuple):
    """The second of a span in which least moves: when it begins, and the share of pixels that visibly change."""

    at: float
    share: float


class MotionMeter:
    """Takes small pictures one by one. Keeps a picture for half a second, and figures for ever."""

    def __init__(self) -> None:
        self._last: Small | None = None
        self._kept: list[tuple[float, Small]] = []
        self.times: list[float] = []
        self.levels: list[float] = []
        """For each frame the mean absolute difference from the one before, of 255; 0 for the first."""
        self.changes: list[Change] = []

    def add(self, small: Small, seconds: float) -> float:
        """The picture shown from `seconds` on. Answers its `levels`."""
        level = 0.0
        if self._last is not None and self._last is not small:
            level = float(difference(self._last, small).mean())
        if not self._kept or seconds >= self._kept[-1][0] + EVERY - 1e-6:
            before = [kept for kept in self._kept if kept[0] <= seconds - APART + 1e-6]
            if before:
                start, picture = before[-1]
                changed = brightest(difference(picture, small)) > VISIBLE_LEVELS
                self.changes.append(Change(start, seconds, float(changed.mean())))
                self._kept = self._kept[len(before) - 1 :]
            self._kept.append((seconds, small))
        self._last = small
        self.times.append(seconds)
        self.levels.append(level)
        return level


def difference(before: Small, after: Small) -> Small:
    """The absolute difference of each level."""
    return np.maximum(before, after) - np.minimum(before, after)


def stillest(changes: Iterable[Change], start: float, end: float) -> Still | None:
    """The stillest second between two times without a cut between them; None where less than half a second is."""
    inside = [one for one in changes if one.start >= start - 1e-6 and one.end < end - 1e-6]
    if not inside:
        return None
    best: Still | None = None
    for first, one in enumerate(inside):
        seen = [other.share for other in inside[first:] if other.end <= one.start + 1 + 1e-6]
        if best is None or (max(seen) < best.share and one.start <= max(start, end - 1) + 1e-6):
            best = Still(one.start, max(seen))
    return best


def mean_level(times: npt.NDArray[np.float64], levels: npt.NDArray[np.float64], start: float, end: float) -> float:
    """The mean of the frames' levels within a span, without its first frame, which shows a cut."""
    inside = levels[np.searchsorted(times, start - 1e-6) + 1 : np.searchsorted(times, end - 1e-6)]
    return float(inside.mean()) if inside.size else 0.0


def still_spans(changes: Iterable[Change], least: float = 1.0) -> list[tuple[float, float]]:
    """Spans of `least` seconds or more in which nothing visible moves; a cut is a change as any other."""
    spans: list[tuple[float, float]] = []
    for one in changes:
        if one.share > STILL_SHARE:
            continue
        if spans and one.start <= spans[-1][1] + 1e-6:
            spans[-1] = (spans[-1][0], one.end)
        else:
            spans.append((one.start, one.end))
    return [span for span in spans if span[1] - span[0] >= least - 1e-6]
