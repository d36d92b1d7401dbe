"""Planes of BT.709 from BGR: known colours, the mean of four pixels, and no more than rounding off."""

from __future__ import annotations

import numpy as np
import pytest

from libs.media.i420 import Converter


@pytest.mark.parametrize(
    ("bgr", "yuv"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (32, 240, 118)),
        ((0, 255, 0), (173, 42, 26)),
        ((0, 0, 255), (63, 102, 240)),
    ],
)
def test_pure_colours(bgr: tuple[int, int, int], yuv: tuple[int, int, int]) -> None:
    planes = Converter(8, 4).planes(np.full((4, 8, 3), bgr, np.uint8))
    assert [np.unique(plane).tolist() for plane in np.split(planes, [32, 40])] == [[value] for value in yuv]


def test_any_picture_is_right_to_a_level() -> None:
    picture = np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    luma, blue, red = np.split(Converter(64, 48).planes(picture).astype(float), [48 * 64, 48 * 64 * 5 // 4])
    y = picture @ np.array([0.0722, 0.7152, 0.2126])
    assert np.abs(luma.reshape(48, 64) - (16 + y * 219 / 255)).max() < 1
    for plane, channel, scale in ((blue, 0, 1.8556), (red, 2, 1.5748)):
        chroma = 128 + (picture[..., channel] - y) / scale * 224 / 255
        wanted = chroma.reshape(24, 2, 32, 2).mean((1, 3))
        assert np.abs(plane.reshape(24, 32) - wanted).max() < 1.5


def test_odd_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="no half"):
        Converter(7, 4)
