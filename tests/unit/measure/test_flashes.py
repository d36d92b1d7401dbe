"""Flashes are counted as WCAG 2.3.1 says: how often, how much of the picture, how bright, how red."""

import numpy as np
import pytest

from libs.measure.light import small_size
from libs.measure.watch import Watch
from tests.unit.measure.films import blinking, flat, part, watched

DARK, GREY, BRIGHT, WHITE = flat(20), flat(150), flat(200), flat(255)
RED = flat(255, 10, 10)


@pytest.mark.parametrize("hz", [1, 2, 3, 4, 7.5])
def test_flashes_are_counted_by_the_second(hz: float) -> None:
    assert watched(blinking(hz, DARK, BRIGHT)).flashes.a_second == hz


@pytest.mark.parametrize("fps", [24, 25, 50, 60])
def test_at_any_frame_rate(fps: float) -> None:
    assert watched(blinking(3, DARK, BRIGHT), fps=fps).flashes.a_second == 3


def test_the_worst_second_is_found() -> None:
    calm, wild = blinking(1, DARK, BRIGHT), blinking(5, DARK, BRIGHT)
    found = watched(lambda at: wild(at) if 4 <= at < 6 else calm(at), 9).flashes
    assert found.a_second == 5
    assert 3.9 <= found.at <= 5.1


@pytest.mark.parametrize(("area", "flashes"), [(0.20, 0), (0.30, 4)])
def test_a_quarter_of_the_picture_has_to_flash(area: float, flashes: float) -> None:
    paint = blinking(4, DARK, part(DARK, BRIGHT, area))
    assert watched(paint).flashes.a_second == flashes


def test_two_areas_that_take_turns_are_no_more_than_each() -> None:
    left, right = part(DARK, BRIGHT, 0.5), part(BRIGHT, DARK, 0.5)
    assert watched(blinking(2, left, right)).flashes.a_second == 2


def test_small_parts_that_flash_in_different_seconds_are_none() -> None:
    def paint(at: float) -> np.ndarray:
        shown = DARK.copy()
        strip = int(at / 1.5)
        if at % 1.5 < 0.4 and (at * 5 + 1e-9) % 1 < 0.5:
            shown[:, strip * 20 : strip * 20 + 20] = BRIGHT[0, 0]
        return shown

    assert watched(paint, 6).flashes.a_second == 0


def test_a_picture_that_flashes_out_of_step_flashes() -> None:
    def paint(at: float) -> np.ndarray:
        shown = DARK.copy()
        for strip in range(8):
            if (at * 4 + strip / 8 + 1e-9) % 1 < 0.5:
                shown[:, strip * 12 : strip * 12 + 12] = BRIGHT[0, 0]
        return shown

    assert watched(paint).flashes.a_second == 4


def test_both_states_bright_is_no_flash() -> None:
    assert watched(blinking(4, flat(235), WHITE)).flashes.a_second == 0
    assert watched(blinking(4, flat(180), flat(198))).flashes.a_second > 0, "a tenth of the luminance is enough"
    assert watched(blinking(4, flat(180), flat(185))).flashes.a_second == 0


def test_a_slow_fade_is_one_swing() -> None:
    assert watched(lambda at: flat(int(20 + 50 * at)), 4).flashes.a_second <= 0.5


def test_red_flashes_are_counted_on_their_own() -> None:
    dim = flat(60, 60, 60)  # as light as a dark red: only the hue flashes
    found = watched(blinking(4, dim, flat(130, 5, 5)))
    assert found.red_flashes.a_second == 4
    assert found.flashes.a_second == 0
    assert watched(blinking(4, DARK, BRIGHT)).red_flashes.a_second == 0
    assert watched(blinking(2, flat(0), RED)).red_flashes.a_second == 2
    assert watched(blinking(4, flat(0, 0, 60), flat(0, 0, 255))).red_flashes.a_second == 0


def test_parts_of_a_film_add_up_to_the_whole() -> None:
    paint = blinking(3, DARK, part(GREY, BRIGHT, 0.6))
    whole, early, late = Watch(), Watch(), Watch()
    for number in range(150):
        small, at = paint(number / 30), number / 30
        whole.add(small, at)
        if number < 77:
            early.add(small, at)
        elif number >= 77:
            late.add(small, at)
        if 40 <= number < 77:
            late.skip(small, at)
    together, seen = early.seen().then(late.seen()), whole.seen()
    assert np.array_equal(together.levels, seen.levels)
    assert np.array_equal(together.light, seen.light)
    assert together.swings.times == seen.swings.times
    assert together.flashes == seen.flashes


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((1280, 720), (96, 54)),
        ((1080, 1920), (54, 96)),
        ((720, 720), (96, 96)),
        ((864, 1080), (78, 96)),
        ((4000, 1), (96, 3)),
    ],
)
def test_the_small_picture_has_whole_cells(size: tuple[int, int], small: tuple[int, int]) -> None:
    assert small_size(*size) == small
