"""Storyboards to edit: any song's, as the planner makes them, or as hypothesis does."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import strategies as st

from libs.contracts.analysis import Analysis
from libs.contracts.storyboard import Storyboard
from tests.storyboards import storyboard
from tests.unit.planner.songs import song, steady

FPS = 30


def beaten(seconds: float, bpm: float = 120.0, start: float = 0.0) -> Analysis:
    """A song with an even pulse, and an energy that is everywhere another."""
    return song(seconds, steady(bpm, seconds, start), energies=[(i * 7 % 10) / 10 for i in range(int(seconds))])


@st.composite
def boards(draw: st.DrawFn) -> Storyboard:
    """Scenes of 1 to 12 seconds at 30 frames a second, with crossfades that fit, some locked."""
    lengths = draw(st.lists(st.integers(FPS, 12 * FPS), min_size=1, max_size=12))
    overlaps = [0] + [2 * draw(st.integers(0, min(before, after) // 6)) for before, after in pairwise(lengths)]
    board = storyboard(lengths, overlaps)
    locked = tuple(scene.id for scene in board.scenes if draw(st.integers(0, 9)) == 0)
    return msgspec.structs.replace(board, locked=locked or msgspec.UNSET)
