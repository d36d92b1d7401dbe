"""Colours survive the way to OKLab and back; the camera moves, and where it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.storyboard import Camera
from services.generator.builtin.camera import frame_to_source, pose_at
from services.generator.builtin.paint.colour import Inks, bgr_of, even_ramp, oklab_of, ramp, solid
from services.generator.builtin.paint.noise import periodic, periodic_line
from tests.unit.generator.scenes import DARK, LIGHT, MOVES


@given(st.integers(0, 0xFFFFFF))
def test_colours_come_back_from_oklab(value: int) -> None:
    blue, green, red = solid(oklab_of(f"#{value:06x}"))
    assert (red << 16 | green << 8 | blue) == value


def test_white_and_black_have_their_lightness() -> None:
    assert oklab_of("#ffffff")[0] == pytest.approx(1.0, abs=1e-3)
    assert oklab_of("#000000")[0] == pytest.approx(0.0, abs=1e-6)


def test_ramps_begin_and_end_in_their_colours_and_hold_their_order() -> None:
    for palette in (DARK, LIGHT):
        inks = Inks.of(palette).by_lightness
        table = even_ramp(inks)
        assert table.shape == (256, 1, 3)
        assert np.array_equal(table[0, 0], bgr_of(inks[0]))
        assert np.array_equal(table[255, 0], bgr_of(inks[-1]))
        assert np.array_equal(ramp([(0.0, inks[0]), (1.0, inks[4])])[255, 0], bgr_of(inks[4]))


@pytest.mark.parametrize("move", [*MOVES, "no_such_move"])
def test_every_move_goes_on_through_the_whole_shot(move: str) -> None:
    camera = Camera(move=move, amount=0.0)
    for total in (2.0, 8.0):
        for step in range(int(total) * 2 - 1):
            here, there = (pose_at(camera, seconds, total, 0.3) for seconds in (step / 2, step / 2 + 0.5))
            travelled = abs(here.scale - there.scale) + abs(here.right - there.right) + abs(here.down - there.down)
            assert travelled > 0.0005


@pytest.mark.parametrize("move", MOVES)
def test_no_move_leaves_the_room_around_the_frame(move: str) -> None:
    """What is shifted is covered by what the scale adds, up to the reflection of a few lines."""
    for seconds in np.linspace(0.0, 8.0, 33):
        pose = pose_at(Camera(move=move, amount=1.0), float(seconds), 8.0, 0.7)
        assert 1.0 <= pose.scale <= 1.4
        assert abs(pose.right) <= 0.08
        assert abs(pose.down) <= 0.08


def test_push_and_pull_go_opposite_ways() -> None:
    first, last = (pose_at(Camera(move="push", amount=0.5), at, 4.0, 0.0).scale for at in (0.0, 4.0))
    assert first < last
    first, last = (pose_at(Camera(move="pull", amount=0.5), at, 4.0, 0.0).scale for at in (0.0, 4.0))
    assert first > last


def test_the_matrix_puts_the_centre_in_the_middle() -> None:
    pose = pose_at(Camera(move="orbit", amount=0.5), 1.0, 4.0, 0.2)
    still = type(pose)(scale=pose.scale, right=0.0, down=0.0, roll=pose.roll)
    matrix = frame_to_source(still, 640, 360, (500.0, 300.0), 1.5)
    assert matrix @ np.array([319.5, 179.5, 1.0]) == pytest.approx([500.0, 300.0])


def test_noise_repeats_without_a_seam() -> None:
    tile = periodic(np.random.default_rng(3), 64, 3.0)
    inner = np.abs(np.diff(tile, axis=0)).max()
    assert np.abs(tile[0] - tile[-1]).max() <= inner * 1.5
    assert tile.std() == pytest.approx(1.0, abs=1e-3)
    line = periodic_line(np.random.default_rng(3), 512, 3.0, 1.7)
    assert abs(float(line[0] - line[-1])) <= float(np.abs(np.diff(line)).max()) * 1.5
    assert np.abs(line).max() == pytest.approx(1.0)
