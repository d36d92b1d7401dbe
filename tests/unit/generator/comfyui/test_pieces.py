"""Shots become clips that a model can make."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.errors import Permanent
from services.generator.comfyui.limits import Limits, fit_size
from services.generator.comfyui.pieces import HANDLE, cut_shot

WAN = Limits(fps=16, min_frames=5, max_frames=81, frame_step=4, frame_rest=1)
FEW = settings(deadline=None, max_examples=100, derandomize=True)
LTX = Limits(fps=24, min_frames=9, max_frames=241, frame_step=8, frame_rest=1)


def test_a_short_shot_is_one_clip_with_handles() -> None:
    cutting = cut_shot(WAN, frames=60, fps=Fraction(30))
    (piece,) = cutting.pieces
    assert WAN.allows(piece.frames)
    assert cutting.fps == 16
    assert cutting.lead >= HANDLE * Fraction(16, 30)


def test_a_shot_that_just_fits_gets_the_handles_that_there_is_room_for() -> None:
    cutting = cut_shot(WAN, frames=145, fps=Fraction(30))
    assert [piece.frames for piece in cutting.pieces] == [81]
    assert 0 < cutting.lead < HANDLE * Fraction(16, 30)


def test_a_long_shot_is_made_in_pieces_of_like_length() -> None:
    cutting = cut_shot(WAN, frames=360, fps=Fraction(30))
    assert len(cutting.pieces) == 3
    lengths = [piece.frames for piece in cutting.pieces]
    assert max(lengths) - min(lengths) <= 8
    assert [piece.keep_from for piece in cutting.pieces] == [0, 1, 1]


def test_a_model_that_can_not_begin_with_a_picture_makes_no_pieces() -> None:
    assert cut_shot(WAN, frames=90, fps=Fraction(30), continues=False).pieces
    with pytest.raises(Permanent) as caught:
        cut_shot(WAN, frames=360, fps=Fraction(30), continues=False)
    assert caught.value.code == "clip_too_long"
    with pytest.raises(Permanent):
        cut_shot(Limits(max_frames=1), frames=2, fps=Fraction(30))


def test_a_model_without_a_rate_or_a_limit_makes_what_it_is_asked_for() -> None:
    cutting = cut_shot(Limits(), frames=1000, fps=Fraction(30000, 1001), handle=0)
    assert cutting.fps == Fraction(30000, 1001)
    assert (cutting.frames, cutting.lead) == (1000, Fraction(0))


@FEW
@given(
    frames=st.integers(1, 4000),
    fps=st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60)]),
    limits=st.sampled_from(
        [WAN, LTX, Limits(fps=24, max_frames=2), Limits(max_frames=50), Limits(max_frames=49, frame_step=4)]
    ),
    handle=st.integers(0, 30),
)
def test_pieces_always_cover_the_shot(frames: int, fps: Fraction, limits: Limits, handle: int) -> None:
    cutting = cut_shot(limits, frames=frames, fps=fps, handle=handle)

    covered = 0
    for index, piece in enumerate(cutting.pieces):
        assert limits.allows(piece.frames)
        assert piece.start + piece.keep_from == covered
        assert piece.keep_from == (1 if index else 0)
        covered = piece.start + piece.frames
    assert covered == cutting.frames
    ratio = cutting.fps / fps
    assert cutting.lead >= 0
    assert cutting.lead + (frames - 1) * ratio <= cutting.frames - 1
    if len(cutting.pieces) > 1:
        assert cutting.lead >= handle * ratio


@FEW
@given(
    width=st.integers(1, 8000),
    height=st.integers(1, 8000),
    limits=st.sampled_from(
        [
            Limits(),
            Limits(size_multiple=16, min_side=256, max_side=1280, max_pixels=921_600),
            Limits(size_multiple=64),
        ]
    ),
)
def test_sizes_fit_the_limits(width: int, height: int, limits: Limits) -> None:
    found = fit_size(limits, width, height)
    assert all(side % limits.size_multiple == 0 and 0 < side <= limits.max_side for side in found)
    assert found[0] * found[1] <= (limits.max_pixels or found[0] * found[1])


def test_the_shape_is_kept() -> None:
    wan = Limits(size_multiple=16, min_side=256, max_side=1280, max_pixels=921_600)
    assert fit_size(wan, 1920, 1080) == (1280, 720)
    assert fit_size(wan, 1080, 1920) == (720, 1280)
    assert fit_size(wan, 1000, 1000) == (960, 960)
    assert fit_size(Limits(size_multiple=16, max_side=1280, max_pixels=399_360), 1920, 1080) == (832, 480)
