"""Where things are on a contact sheet: pixels of frames, of rows of time, of moments. Pure."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

WIDTH = 2400
MARGIN = 80
CONTENT = WIDTH - 2 * MARGIN
GAP = 20
CAPTION = 62
"""Height of what is said below a frame."""
GRID_HEIGHT = 1800
"""What all frames together may take; more of them are smaller."""
MOST_FRAMES = 120
MOST_COLUMNS = 20
TALLEST = 420
ROW_SECONDS = 120.0
"""A row of time is at most this long, unless there would be too many."""
MOST_ROWS = 12


class Grid(NamedTuple):
    """Frames in rows: how many beside each other, how large each is in pixels."""

    columns: int
    rows: int
    width: int
    height: int

    @property
    def total_height(self) -> int:
        """Of all rows with what is said below them."""
        return self.rows * (self.height + CAPTION) + (self.rows - 1) * GAP

    def place(self, number: int) -> tuple[int, int]:
        """Left and top of a frame within the grid."""
        row, column = divmod(number, self.columns)
        return column * (self.width + GAP), row * (self.height + CAPTION + GAP)


def picked(scenes: int) -> list[int]:
    """Numbers of the scenes that get a frame: all, or evenly spread ones of very many."""
    if scenes <= MOST_FRAMES:
        return list(range(scenes))
    return [round(place * (scenes - 1) / (MOST_FRAMES - 1)) for place in range(MOST_FRAMES)]


def grid(frames: int, width: int, height: int) -> Grid:
    """Large frames of this shape that fit the sheet; of the three largest those that leave fewest gaps."""
    made = [_grid(columns, frames, width, height) for columns in range(1, MOST_COLUMNS + 1)]
    fitting = [one for one in made if one.height <= TALLEST and one.total_height <= GRID_HEIGHT]
    if not fitting:
        return _lowered(made[-1], width, height)
    return min(fitting[:3], key=lambda one: (one.columns * one.rows - frames, one.columns))


def _grid(columns: int, frames: int, width: int, height: int) -> Grid:
    across = (CONTENT - (columns - 1) * GAP) // columns
    return Grid(columns, ceil(frames / columns), across, max(1, round(across * height / width)))


def _lowered(one: Grid, width: int, height: int) -> Grid:
    """Frames of an odd shape, or very many, as high as they may be."""
    room = (GRID_HEIGHT + GAP) // one.rows - CAPTION - GAP
    down = max(1, min(one.height, TALLEST, room))
    return Grid(one.columns, one.rows, max(1, round(down * width / height)), down)


class TimeRow(NamedTuple):
    """A row of the timeline: seconds from `start` to `end`, `scale` pixels a second."""

    start: float
    end: float
    scale: float

    def x(self, seconds: float) -> int:
        """Pixels from the left edge of the content."""
        return round((min(max(seconds, self.start), self.end) - self.start) * self.scale)

    def holds(self, seconds: float) -> bool:
        """Whether a moment lies in this row."""
        return self.start <= seconds < self.end


def time_rows(duration: float) -> list[TimeRow]:
    """The rows of a timeline, all of the same scale."""
    count = min(max(1, ceil(duration / ROW_SECONDS - 1e-9)), MOST_ROWS)
    each = max(duration, 0.001) / count
    return [TimeRow(row * each, (row + 1) * each, CONTENT / each) for row in range(count)]


def clock(seconds: float, digits: int = 0) -> str:
    """Minutes and seconds: 1:07, or 1:07.3."""
    whole = round(seconds, digits)
    minutes = int(whole // 60)
    rest = whole - 60 * minutes
    return f"{minutes}:{rest:0{3 + digits if digits else 2}.{digits}f}"
