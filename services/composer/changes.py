"""Where the picture changes: cuts and crossfades found near where they were planned. Pure, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

from libs.contracts.report import Stretch
from libs.measure.light import Small

REACH = 8
"""How many frames on each side of a planned change are looked at."""


class Planned(msgspec.Struct, frozen=True):
    """A planned change: at `frame`; `frames` is the length of its crossfade, 0 for a cut."""

    frame: int
    frames: int


class ChangeFinder:
    """Takes the small pictures from number `first` on, one by one, and keeps only what is near a planned change."""

    def __init__(self, planned: Sequence[Planned], first: int = 0) -> None:
        self._planned = list(planned)
        self._found: list[int | None] = [None] * len(planned)
        self._spans = [self._span(index) for index in range(len(planned))]
        self._next = 0
        self._kept: dict[int, npt.NDArray[np.int16]] = {}
        self._count = first

    def _span(self, index: int) -> tuple[int, int]:
        """Frames that are kept for a change: its own, and some on each side up to half of the way to the next."""
        frame, frames = self._planned[index].frame, self._planned[index].frames
        half = frames // 2
        before, after = 0, frame + half + 4 * REACH + frames
        if index:
            before = self._planned[index - 1].frame + self._planned[index - 1].frames // 2
        if index + 1 < len(self._planned):
            after = self._planned[index + 1].frame - self._planned[index + 1].frames // 2
        reach = max(REACH, half + 4)
        left = max(min(reach, (frame - half - before) // 2), 1)
        right = max(min(reach, (after - frame - half) // 2), 1)
        return max(frame - half - left, 0), frame + half + right

    def add(self, small: Small) -> None:
        """The next picture."""
        number = self._count
        if self._next < len(self._spans) and number >= self._spans[self._next][0]:
            self._kept[number] = small.astype(np.int16)
            while self._next < len(self._spans) and number >= self._spans[self._next][1] - 1:
                self._settle(self._next)
                self._next += 1
        self._count += 1

    def found(self) -> tuple[int | None, ...]:
        """For each planned change, the frame where it was found. After the last picture."""
        while self._next < len(self._spans):
            self._settle(self._next)
            self._next += 1
        return tuple(self._found)

    def is_quiet(self, number: int) -> bool:
        """True when no planned change is near a frame."""
        return all(
            not span[0] - REACH <= number < span[1] + REACH
            for span in self._spans[max(self._next - 1, 0) : self._next + 2]
        )

    def _settle(self, index: int) -> None:
        first, last = self._spans[index]
        numbers = [number for number in range(first, last) if number in self._kept]
        pictures = [self._kept[number] for number in numbers]
        planned = self._planned[index]
        if planned.frames:
            self._found[index] = crossfade_middle(numbers, pictures, planned)
        else:
            self._found[index] = cut_frame(numbers, pictures)
        keep_from = self._spans[index + 1][0] if index + 1 < len(self._spans) else last
        self._kept = {number: picture for number, picture in self._kept.items() if number >= keep_from}


def cut_frame(numbers: Sequence[int], pictures: Sequence[npt.NDArray[np.int16]]) -> int | None:
    """The first frame after the greatest change, when that stands out from all others."""
    changes = [float(np.abs(after - before).mean()) for before, after in pairwise(pictures)]
    if not changes:
        return None
    top = int(np.argmax(changes))
    others = changes[:top] + changes[top + 1 :]
    if changes[top] < 1.0 or (others and changes[top] < 1.5 * float(np.median(others)) + 0.5):
        return None
    return numbers[top + 1]


def crossfade_middle(
    numbers: Sequence[int], pictures: Sequence[npt.NDArray[np.int16]], planned: Planned
) -> int | None:
    """The middle of a linear change, when there is one.

    Pictures half a crossfade before and after a frame differ most at its middle, and less in proportion to the
    distance from it; how far they differ by motion alone is the floor of that triangle,
    level or tilted. The best fit counts.
    """
    half = planned.frames // 2
    middles = np.asarray(numbers[half:-half] if half else numbers)
    if middles.size < 3:
        return None
    differences = np.asarray(
        [np.abs(after - before).mean() for before, after in zip(pictures, pictures[2 * half :], strict=False)]
    )
    spread = float(np.square(differences - differences.mean()).sum())
    best: tuple[float, int] | None = None
    for centre in middles[np.abs(middles - planned.frame) <= REACH]:
        roof = np.maximum(1 - np.abs(middles - centre) / planned.frames, 0)
        slope = np.clip((middles - centre) / planned.frames, -1, 1)
        model = np.stack([roof, np.ones_like(roof), slope], 1)
        (rise, floor, tilt), *_ = np.linalg.lstsq(model, differences, rcond=None)
        missed = float(np.square(model @ (rise, floor, tilt) - differences).sum())
        if rise > 1.0 and rise > 0.3 * floor and (best is None or missed < best[0]):
            best = (missed, int(centre))
    if best is None or best[0] > 0.2 * spread:
        return None
    top = int(np.flatnonzero(middles == best[1])[0])
    valley = max(float(differences[: top + 1].min()), float(differences[top:].min()))
    return best[1] if valley < 0.85 * float(differences[top]) else None


def stretches(flags: Sequence[int], fps: Fraction, least_seconds: float) -> tuple[Stretch, ...]:
    """Runs of set flags that last longer than `least_seconds`, as times."""
    found = []
    start: int | None = None
    for number, flag in enumerate([*flags, 0]):
        if flag and start is None:
            start = number
        elif not flag and start is not None:
            if (number - start) / fps > Fraction(least_seconds):
                found.append(Stretch(start=float(start / fps), end=float(number / fps)))
            start = None
    return tuple(found)
