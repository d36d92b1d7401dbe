"""Theme pictures as files: every size, orientation and kind of pixel; nothing that only claims to be one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from libs.contracts.errors import Permanent
from libs.picture.load import LONGEST, load_picture
from libs.picture.oklab import oklab_of

GROUND = oklab_of("#204060")
Pixels = npt.NDArray[np.uint8]


def write(path: Path, pixels: Pixels | npt.NDArray[np.uint16], suffix: str = ".png") -> Path:
    done, data = cv2.imencode(suffix, pixels)
    assert done
    path.write_bytes(data.tobytes())
    return path


def corner(height: int = 60, width: int = 90) -> Pixels:
    """Grey, with a white top left quarter."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[: height // 2, : width // 2] = 255
    return pixels


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_common_formats_are_read(tmp_path: Path, suffix: str) -> None:
    picture = load_picture(write(tmp_path / "picture", corner(), suffix), GROUND)
    assert picture.pixels.shape == (60, 90, 3)
    assert picture.pixels[5, 5].min() > 240


def test_huge_pictures_are_brought_down(tmp_path: Path) -> None:
    picture = load_picture(write(tmp_path / "p", np.zeros((3000, 6000, 3), np.uint8), ".jpg"), GROUND)
    assert picture.pixels.shape == (LONGEST // 2, LONGEST, 3)


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_what_is_transparent_shows_the_ground(tmp_path: Path, deep: bool) -> None:
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[:, 30:] = (10, 20, 250, 255)
    data = pixels.astype(np.uint16) * 257 if deep else pixels
    picture = load_picture(write(tmp_path / "p", data), GROUND).pixels
    assert picture[20, 5] == pytest.approx([0x60, 0x40, 0x20], abs=1)
    assert picture[20, 50] == pytest.approx([10, 20, 250], abs=1)


def test_what_can_not_be_decoded_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p"
    for data, code in ((b"", "empty_file"), (b"not a picture at all" * 9, "bad_image")):
        path.write_bytes(data)
        with pytest.raises(Permanent) as caught:
            load_picture(path, GROUND)
        assert caught.value.code == code


def test_a_picture_cut_short_is_refused_or_decoded_but_never_crashes(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    path = write(tmp_path / "p", noise)
    path.write_bytes(path.read_bytes()[:900])
    try:
        assert load_picture(path, GROUND).pixels.shape == (200, 200, 3)
    except Permanent as error:
        assert error.code == "bad_image"
