"""What is kept: few things, the latest ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from libs.picture.kept import KEPT, Kept
from libs.picture.load import picture_of
from libs.picture.oklab import oklab_of


def test_the_last_results_are_kept_and_no_more() -> None:
    kept: Kept[int] = Kept()
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    def get(number: int) -> int:
        return kept.get(str(number), lambda: make(number))

    for number in (1, 2, 1, 2):
        assert get(number) == number
    assert made == [1, 2]
    assert KEPT == 2
    get(1), get(3), get(1)
    assert made == [1, 2, 3]
    get(2)
    assert made == [1, 2, 3, 2]


def test_none_is_a_result_too() -> None:
    kept: Kept[int | None] = Kept()
    made: list[int] = []
    for _ in range(2):
        assert kept.get("a", lambda: made.append(1)) is None
    assert made == [1]


def test_a_picture_is_decoded_once_and_laid_on_each_ground(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), np.zeros((60, 60, 4), np.uint8))
    red = picture_of(path, "digest of this test", oklab_of("#ff0000"))
    path.unlink()
    blue = picture_of(path, "digest of this test", oklab_of("#0000ff"))
    assert red.pixels[5, 5].tolist() == [0, 0, 255]
    assert blue.pixels[5, 5].tolist() == [255, 0, 0]
    assert red.alpha is not None
