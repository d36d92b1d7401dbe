"""A frame is held when it is the one before to the last bit, whatever lies beside its pixels."""

from __future__ import annotations

from typing import Any

import av
import numpy as np

from libs.media.held import Held, pixels


def picture(seed: int, padding: int = 0) -> av.VideoFrame:
    """A frame of noise; `padding` is written beside its rows."""
    random = np.random.default_rng(seed)
    frame = av.VideoFrame(70, 50, "yuv420p")
    for plane in frame.planes:
        whole: Any = plane
        np.frombuffer(whole, np.uint8)[:] = padding
        pixels(plane)[:] = random.integers(0, 256, (plane.height, plane.width), np.uint8)
    return frame


def test_only_the_same_picture_is_held() -> None:
    held = Held()
    shown = [picture(1), picture(1), picture(1, padding=9), picture(2), picture(1), picture(1)]
    assert [held.again(frame) for frame in shown] == [False, True, True, False, False, True]


def test_one_level_in_one_pixel_of_any_plane_makes_another_picture() -> None:
    for number in range(3):
        held, other = Held(), picture(1)
        pixels(other.planes[number])[13, 17] ^= 1
        assert not held.again(picture(1))
        assert not held.again(other)
        assert held.again(other)
