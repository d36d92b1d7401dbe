"""Small pictures with a known truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from libs.measure.light import Small
from libs.measure.watch import Seen, Watch

FPS = 30
SIZE = (54, 96)

Paint = Callable[[float], Small]


def flat(*colour: int) -> Small:
    """A picture of one colour, RGB; one number is a grey."""
    return np.full((*SIZE, 3), colour, np.uint8)


def part(below: Small, above: Small, area: float) -> Small:
    """`below` with the leftmost `area` of it from `above`."""
    mixed = below.copy()
    columns = round(SIZE[1] * area)
    mixed[:, :columns] = above[:, :columns]
    return mixed


def blinking(hz: float, dark: Small, bright: Small) -> Paint:
    """Bright in the first half of each period."""
    return lambda seconds: bright if (seconds * hz + 1e-9) % 1 < 0.5 else dark


def watched(paint: Paint, seconds: float = 4.0, fps: float = FPS) -> Seen:
    """What is seen of a film of this length."""
    watch = Watch()
    for number in range(round(seconds * fps)):
        watch.add(paint(number / fps), number / fps)
    return watch.seen()
