"""OKLab: known colours, and the ways between its forms agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.picture.oklab import bgr_of, from_lch, hex_of, mix, oklab_of, oklab_of_pixels, toned_down


@given(st.integers(0, 0xFFFFFF))
def test_colours_come_back(value: int) -> None:
    colour = f"#{value:06x}"
    assert hex_of(oklab_of(colour)) == colour


@given(st.integers(0, 0xFFFFFF))
def test_pixels_and_names_give_the_same_colour(value: int) -> None:
    pixel = np.array([[value & 255, value >> 8 & 255, value >> 16]], np.uint8)
    assert oklab_of_pixels(pixel)[0] == pytest.approx(oklab_of(f"#{value:06x}"), abs=1e-4)


def test_known_colours() -> None:
    """Of the values that the space's author gives for the corners of sRGB."""
    assert oklab_of("#ff0000") == pytest.approx([0.62796, 0.22486, 0.12585], abs=1e-3)
    assert oklab_of("#0000ff") == pytest.approx([0.45201, -0.03246, -0.31153], abs=1e-3)
    assert hex_of(from_lch(0.86644, 0.29483, 142.495)) == "#00ff00"


@given(st.floats(0.2, 0.98), st.floats(0.0, 0.5), st.floats(0.0, 360.0))
def test_toned_down_keeps_lightness_and_hue(lightness: float, chroma: float, hue: float) -> None:
    wanted = from_lch(lightness, chroma, hue)
    shown = toned_down(wanted)
    again = oklab_of(hex_of(shown))
    assert again[0] == pytest.approx(lightness, abs=0.01)
    assert float(np.hypot(*shown[1:])) <= chroma + 1e-9
    assert shown[1] * wanted[2] == pytest.approx(shown[2] * wanted[1], abs=1e-9)
    assert again[1:] == pytest.approx(shown[1:], abs=0.012)


def test_mixing_goes_straight() -> None:
    black, white = oklab_of("#000000"), oklab_of("#ffffff")
    assert mix(black, white, 0.5)[0] == pytest.approx(0.5, abs=1e-3)
    assert bgr_of(mix(black, white, 0.5)).std() < 1.0
