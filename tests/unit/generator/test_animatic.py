"""A preview's pictures: on every beat, evenly between, and for all frames."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.builtin.animatic import pictures


@pytest.mark.parametrize(
    ("fps", "frames", "beats", "drawn"),
    [
        ("30", 31, [0.0, 0.5, 1.0], [0, 5, 10, 15, 20, 25, 30]),
        ("30", 20, [], [0, 5, 10, 15]),
        ("24", 24, [-0.25, 0.25, 0.75, 1.25], [0, 3, 6, 10, 14, 18, 21]),
        ("60000/1001", 30, [0.2502], [0, 7, 15, 22]),
        ("10", 5, [0.3], [0, 1, 3]),
    ],
)
def test_each_beat_has_a_picture(fps: str, frames: int, beats: list[float], drawn: list[int]) -> None:
    assert [index for index, _ in pictures(frames, Fraction(fps), beats)] == drawn


@settings(deadline=None)
@given(
    st.integers(1, 400),
    st.sampled_from(["10", "24", "30000/1001", "30", "60"]),
    st.lists(st.floats(-2, 20, allow_nan=False), max_size=40),
)
def test_all_frames_are_shown_and_a_beat_never_before_it_is_heard(
    frames: int, text: str, beats: list[float]
) -> None:
    fps = Fraction(text)
    found = pictures(frames, fps, beats)
    assert found[0][0] == 0
    assert all(times >= 1 for _, times in found)
    assert [index for index, _ in found[1:]] == [index + times for index, times in found[:-1]]
    assert sum(times for _, times in found) == frames
    assert max(times for _, times in found) <= 1.5 * fps / 6 + 1
    for beat in map(Fraction, beats):
        if 0 <= beat * fps <= frames - 1:
            assert any(beat <= index / fps < beat + 1 / fps for index, _ in found)
