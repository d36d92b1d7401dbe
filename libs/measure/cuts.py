"""Where a video changes from one shot to another, found without a plan. Pure, frame by frame.

At a cut the structure of the picture changes from one frame to the next, much more than it does around, and the
old picture doesn't come back at once, as after a flash. In a dissolve the middle is the mean of both ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from libs.measure.light import Small

LEAST_LEVEL = 4.0
"""Mean difference, of 255, below which no change is a cut."""
LEAST_UNLIKE = 0.32
"""Unlikeness (0 the same structure, 1 another) below which none is."""
RATIO = 2.5
"""How many times the usual change around it a cut is."""
AROUND = 8
"""Frames on each side that tell what is usual."""
FLASH_SECONDS = 0.14
"""A picture that is back within this was interrupted by a flash: no cut there, and none back."""
APART = 0.2
"""Seconds between two cuts at least."""

DISSOLVE_HALVES = (0.2, 0.4)
"""Seconds from the middle of a dissolve at which the ends are looked at."""
_DISSOLVE_LEVEL = 10.0
_DISSOLVE_UNLIKE = 0.5
_DISSOLVE_MISS = 0.22
_FLAT = 2.0

Plane = npt.NDArray[np.float32]


class Shift(NamedTuple):
    """A change of shot: the time of the first frame after a cut, or of the middle of a dissolve."""

    at: float
    kind: Literal["cut", "dissolve"]


def unlike(before: Plane, after: Plane) -> float:
    """How unlike the structure of two pictures is: 1 less their correlation, 0..2. Light as a whole doesn't count,
    but pictures without structure differ by their light."""
    one, other = before - before.mean(), after - after.mean()
    size = float(np.sqrt(np.vdot(one, one) * np.vdot(other, other)))
    if size < _FLAT**2 * one.size:
        flat = min(float(one.std()), float(other.std())) < _FLAT
        return min(float(np.abs(before - after).mean()) / 32, 1.0) if flat else 0.0
    return 1.0 - float(np.vdot(one, other)) / size


class ShotFinder:
    """Takes the small pictures one by one; keeps about a second of them."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, Plane]] = deque()
        self._times: list[float] = []
        self._levels: list[float] = []
        self._unlike: list[float] = []
        self._returns: set[int] = set()
        self._watched: list[tuple[int, Plane]] = []
        self._dissolves: list[tuple[float, float]] = []

    def add(self, small: Small, seconds: float) -> None:
        """The picture shown from `seconds` on."""
        now = small.astype(np.float32)
        number = len(self._times)
        level = changed = 0.0
        if self._recent:
            last = self._recent[-1][1]
            level, changed = float(np.abs(now - last).mean()), unlike(last, now)
            if level > LEAST_LEVEL and changed > LEAST_UNLIKE:
                self._watched.append((number, last))
        self._times.append(seconds)
        self._levels.append(level)
        self._unlike.append(changed)
        self._watched = [one for one in self._watched if seconds - self._times[one[0]] < FLASH_SECONDS]
        for first, before in self._watched:
            if number > first and first not in self._returns and unlike(before, now) < 0.4 * self._unlike[first]:
                self._returns.update((first, number))
        self._recent.append((seconds, now))
        for half in DISSOLVE_HALVES:
            self._look_for_dissolve(half, seconds)
        while self._recent and self._recent[0][0] < seconds - 2 * DISSOLVE_HALVES[-1] - 0.1:
            self._recent.popleft()

    def _look_for_dissolve(self, half: float, now: float) -> None:
        if len(self._times) % 3:
            return
        left, middle = self._at(now - 2 * half), self._at(now - half)
        if left is None or middle is None:
            return
        right = self._recent[-1][1]
        far = float(np.abs(right - left).mean())
        if far < _DISSOLVE_LEVEL or unlike(left, right) < _DISSOLVE_UNLIKE:
            return
        missed = float(np.abs(middle - (left + right) / 2).mean()) / far
        if missed < _DISSOLVE_MISS:
            self._dissolves.append((now - half, missed))

    def _at(self, seconds: float) -> Plane | None:
        """The picture that is shown at a time of the last second."""
        shown = None
        for at, picture in self._recent:
            if at > seconds + 1e-6:
                break
            shown = picture
        return shown

    def shifts(self) -> list[Shift]:
        """All changes of shot so far, in order."""
        times = np.asarray(self._times)
        cuts = self._cuts()
        found = [Shift(float(times[number]), "cut") for number in cuts]
        reach = DISSOLVE_HALVES[-1] + APART
        for at, _ in _best(self._dissolves, reach):
            if all(abs(at - one.at) > reach for one in found):
                found.append(Shift(at, "dissolve"))
        return sorted(found)

    def _cuts(self) -> list[int]:
        levels, changed = np.asarray(self._levels), np.asarray(self._unlike)
        candidates = np.flatnonzero((levels > LEAST_LEVEL) & (changed > LEAST_UNLIKE)).tolist()
        chosen: list[int] = []
        for number in sorted(candidates, key=lambda one: -levels[one] * changed[one]):
            if number in self._returns or not (_stands_out(levels, number) and _stands_out(changed, number)):
                continue
            if all(abs(self._times[number] - self._times[other]) >= APART for other in chosen):
                chosen.append(number)
        return sorted(chosen)


def _stands_out(values: npt.NDArray[np.float64], number: int) -> bool:
    """Whether a value is far above both what is usual before it and what is usual after it."""
    sides = (values[max(number - AROUND, 1) : number], values[number + 1 : number + 1 + AROUND])
    return all(float(values[number]) > RATIO * float(np.median(side)) for side in sides if side.size)


def _best(found: Iterable[tuple[float, float]], apart: float) -> list[tuple[float, float]]:
    """Of entries (time, cost) near each other, the cheapest."""
    kept: list[tuple[float, float]] = []
    for at, cost in sorted(found, key=lambda one: one[1]):
        if all(abs(at - other) > apart for other, _ in kept):
            kept.append((at, cost))
    return kept
