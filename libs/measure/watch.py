"""One look at a video: all that is measured of its pictures, frame by frame. Pure.

A long video can be watched in parts: `Watch.skip` what comes before a part, so that its first frame is compared
with the one before it; then `Seen.then` puts the parts together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from libs.measure.flashes import Flashes, FlashMeter, Swings, worst_second
from libs.measure.light import Small, cells_of
from libs.measure.motion import Change, MotionMeter
from libs.measure.music import Series


class Seen(NamedTuple):
    """What was seen of a video, a figure for each frame."""

    times: Series
    """Seconds at which it is shown."""
    levels: Series
    """Mean absolute difference from the frame before, of 255."""
    light: Series
    """Mean relative luminance, 0..1."""
    changes: tuple[Change, ...]
    swings: Swings
    red_swings: Swings

    def then(self, later: Seen) -> Seen:
        """This part and the next one of the same video."""
        return Seen(
            np.concatenate([self.times, later.times]),
            np.concatenate([self.levels, later.levels]),
            np.concatenate([self.light, later.light]),
            self.changes + later.changes,
            self.swings.then(later.swings),
            self.red_swings.then(later.red_swings),
        )

    @property
    def flashes(self) -> Flashes:
        """The worst second of general flashes."""
        return worst_second(self.swings)

    @property
    def red_flashes(self) -> Flashes:
        """The worst second of red flashes."""
        return worst_second(self.red_swings)


class Watch:
    """Takes the small pictures (`light.small_size`) one by one."""

    def __init__(self) -> None:
        self._flashes = FlashMeter()
        self._motion = MotionMeter()
        self._light: list[float] = []
        self._shown: Small | None = None
        self._from = 0.0
        self._skipped = 0

    def add(self, small: Small, seconds: float) -> float:
        """The picture shown from `seconds` on. Answers how much it differs from the one before, of 255.

        For a picture that is held, give the same array again: then nothing is counted anew, and all comes out the
        same.
        """
        again = small is self._shown
        self._shown = small
        self._light.append(self._light[-1] if again else self._flashes.add(cells_of(small), seconds))
        return self._motion.add(small, seconds)

    def skip(self, small: Small, seconds: float) -> None:
        """A picture before the part that is watched: looked at, not counted."""
        self.add(small, seconds)
        self._skipped += 1
        self._from = seconds

    def seen(self) -> Seen:
        """All so far."""
        first = self._skipped
        counted = (lambda at: at > self._from) if first else (lambda at: True)
        return Seen(
            np.asarray(self._motion.times[first:]),
            np.asarray(self._motion.levels[first:]),
            np.asarray(self._light[first:]),
            tuple(one for one in self._motion.changes if counted(one.end)),
            _from(self._flashes.general(), self._from if first else -1.0),
            _from(self._flashes.red(), self._from if first else -1.0),
        )


def _from(swings: Swings, after: float) -> Swings:
    """Those after a time."""
    first = int(np.searchsorted(np.asarray(swings.times), after, "right"))
    return Swings(swings.cells, swings.times[first:], swings.swung[first:])
