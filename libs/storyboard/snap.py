"""Where a cut falls: on the beat nearest to where it was put, on a downbeat sooner than on another. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from fractions import Fraction
from typing import NamedTuple

from libs.contracts.analysis import Analysis
from libs.contracts.errors import Permanent
from libs.media.frames import frame_at

REACH_S = Fraction(3, 2)
"""A beat further away attracts no cut: it stays where it was put."""
_DOWNBEAT = 2
"""A downbeat attracts from so many times as far as another beat."""


class Grid(NamedTuple):
    """The beats as rising frames, each once, and those that are downbeats."""

    frames: tuple[int, ...]
    downbeats: frozenset[int]
    reach: int
    """Frames from which a beat attracts a cut."""


def grid_of(analysis: Analysis, fps: Fraction) -> Grid:
    """The beats of a song in frames of this rate."""
    frames = {frame_at(beat.time, fps) for beat in analysis.beats}
    downbeats = {frame_at(beat.time, fps) for beat in analysis.beats if beat.downbeat}
    return Grid(tuple(sorted(frames)), frozenset(downbeats), int(REACH_S * fps))


def snapped(frame: int, low: int, high: int, grid: Grid | None) -> int:
    """The frame for a cut that was put at `frame` and must lie from `low` to `high`, both included.

    grid: what it snaps to; None: to nothing. Raises Permanent("bad_edit") when there is no room, or when it stays
    where it was put, and that is out of bounds.
    """
    if grid is not None:
        frames = grid.frames[bisect_left(grid.frames, low) : bisect_right(grid.frames, high)]
        near = [beat for beat in frames if abs(beat - frame) <= grid.reach]
        if near:
            return min(
                near, key=lambda beat: (abs(beat - frame) * (1 if beat in grid.downbeats else _DOWNBEAT), beat)
            )
    if not low <= frame <= high:
        raise Permanent("bad_edit", "A scene would be too short or too long: 1 to 30 seconds.")
    return frame
