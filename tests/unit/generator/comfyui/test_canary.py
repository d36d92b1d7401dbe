"""What counts as a canary's picture."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.comfyui.canary import HEIGHT, MOST_BYTES, WIDTH, is_well


def png(level: int = 90, width: int = WIDTH, height: int = HEIGHT, channels: int = 3) -> bytes:
    return cv2.imencode(".png", np.full((height, width, channels), level, np.uint8))[1].tobytes()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_well(channels: int) -> None:
    assert is_well(png(channels=channels))


@pytest.mark.parametrize(
    "data", [b"", b"\0garbage" * 40, png(0), png(width=64), png()[:-20], png()[: len(png()) // 2], png()[:8]]
)
def test_what_is_none_is_not(data: bytes) -> None:
    assert not is_well(data)


def test_a_bomb_is_not_unpacked() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\1" * (64 * MOST_BYTES))
    made = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    assert not is_well(made)


@given(st.integers(0, len(png()) - 1), st.integers(1, 255))
def test_no_damage_goes_unseen(place: int, by: int) -> None:
    data = bytearray(png())
    data[place] ^= by
    assert not is_well(bytes(data))


@given(st.binary(max_size=80))
def test_anything_is_judged(data: bytes) -> None:
    assert not is_well(data)
    assert not is_well(png()[:33] + data)
