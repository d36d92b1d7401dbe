"""Pictures that are held: decoded frames that are, to the last bit, the one before."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]

_COARSE = 16
"""Every so many rows of luma are compared first: that settles nearly all frames that differ."""


class Held:
    """Takes decoded frames of one format, one by one."""

    def __init__(self) -> None:
        self._last: list[Plane] = []

    def again(self, frame: Any) -> bool:
        """True when this frame shows what the one before did."""
        before, self._last = self._last, [pixels(plane) for plane in frame.planes]
        if not before or (before[0][::_COARSE] != self._last[0][::_COARSE]).any():
            return False
        return all(np.array_equal(old, new) for old, new in zip(before, self._last, strict=True))


def pixels(plane: Any) -> Plane:
    """The bytes of a plane where they lie, without what pads its rows."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
