"""Small pictures and the light in them. Pure."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

Small = npt.NDArray[np.uint8]
"""A small picture, shape (height, width, 3), RGB: both sides are multiples of `CELL`."""
Light = npt.NDArray[np.float32]
"""Linear red, green and blue of a grid of cells, shape (rows, columns, 3), 0..1."""

LONG_SIDE = 96
CELL = 3
"""Pixels on each side of a cell of the grid on which flashes are counted: 32 x 18 cells at 16:9."""

BLACK_LEVEL = 16
BLACK_SHARE = 0.995

RED, GREEN, BLUE = 0.2126, 0.7152, 0.0722
"""Weights of relative luminance (WCAG 2, of BT.709)."""

_LEVELS = np.arange(256) / 255
LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Linear light of each level of sRGB."""


def small_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the small picture that a picture is measured on: 96 x 54 at 16:9."""
    cells = LONG_SIDE // CELL
    longest = max(width, height)

    def side(pixels: int) -> int:
        return CELL * max(1, round(Fraction(pixels * cells, longest)))

    return side(width), side(height)


def is_black(small: Small) -> bool:
    """True when nearly nothing is seen."""
    return float((brightest(small) <= BLACK_LEVEL).mean()) >= BLACK_SHARE


def brightest(small: Small) -> npt.NDArray[np.uint8]:
    """The largest of the three channels, shape (height, width): as `max(axis=2)`, twenty times as fast."""
    return np.maximum(np.maximum(small[..., 0], small[..., 1]), small[..., 2])


def cells_of(small: Small) -> Light:
    """The mean light of each cell."""
    linear = LINEAR.take(small)
    rows = linear[0::CELL] + linear[1::CELL] + linear[2::CELL]
    cells: Light = (rows[:, 0::CELL] + rows[:, 1::CELL] + rows[:, 2::CELL]) * np.float32(1 / CELL**2)
    return cells


def luminance(cells: Light) -> npt.NDArray[np.float32]:
    """Relative luminance 0..1, shape (rows, columns)."""
    light: npt.NDArray[np.float32] = cells @ _WEIGHTS
    return light


_WEIGHTS = np.array([RED, GREEN, BLUE], np.float32)
