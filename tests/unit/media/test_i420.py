"""Planes of BT.709 from BGR: known colours, the mean of four pixels, and no more than rounding off."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from libs.media.i420 import Converter


def converted(picture: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
    """The planes, whose rows are apart as an encoder's are, and nothing between them is written."""
    height, width = picture.shape[:2]
    rows = [
        np.full((tall, wide + 6), 7, np.uint8) for tall, wide in ((height, width), *2 * [(height // 2, width // 2)])
    ]
    planes = [row[:, :-6] for row in rows]
    Converter(width, height).convert(picture, planes)
    assert all((row[:, -6:] == 7).all() for row in rows)
    return planes


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
    planes = converted(np.full((4, 8, 3), bgr, np.uint8))
    assert [np.unique(plane).tolist() for plane in planes] == [[value] for value in yuv]


def test_any_picture_is_right_to_a_level() -> None:
    picture = np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    luma, blue, red = (plane.astype(float) for plane in converted(picture))
    y = picture @ np.array([0.0722, 0.7152, 0.2126])
    assert np.abs(luma - (16 + y * 219 / 255)).max() < 1
    for plane, channel, scale in ((blue, 0, 1.8556), (red, 2, 1.5748)):
        chroma = 128 + (picture[..., channel] - y) / scale * 224 / 255
        wanted = chroma.reshape(24, 2, 32, 2).mean((1, 3))
        assert np.abs(plane - wanted).max() < 1.5


def test_odd_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="no half"):
        Converter(7, 4)
