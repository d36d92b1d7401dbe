"""Where sentences lie in the narration: each in a slot of whole frames, one behind the other. Pure and exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

RATE = 48_000
"""Hz, of the narration's sound."""
LEAD_S = Fraction(12, 5)
"""Before the first sentence, where a title card stands."""
TAIL_S = Fraction(4, 5)
"""After the last sentence, at least."""
SHORTEST_S = Fraction(3)
"""No narration is shorter: the last slot is longer then."""


class Slot(NamedTuple):
    """Frames of the narration; `frames` of them from `start`."""

    start: int
    frames: int

    @property
    def end(self) -> int:
        """The first frame behind it."""
        return self.start + self.frames


def slots_of(spans: Sequence[tuple[Fraction, Fraction]], fps: Fraction, *, lead: bool) -> list[Slot]:
    """One for each sentence. spans: seconds of its speech and of the pause after it, each."""
    at = math.ceil(LEAD_S * fps) if lead else 0
    slots: list[Slot] = []
    for index, (speech, pause) in enumerate(spans):
        last = index == len(spans) - 1
        length = max(speech + max(pause, TAIL_S), SHORTEST_S - at / fps) if last else speech + pause
        slots.append(Slot(at, math.ceil(length * fps)))
        at = slots[-1].end
    return slots


def sample_at(frame: int, fps: Fraction) -> int:
    """The sample of the narration nearest to the beginning of a frame."""
    return math.floor(frame * RATE / fps + Fraction(1, 2))
