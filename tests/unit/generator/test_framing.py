"""Crops of the theme picture: no head is cut, nothing is enlarged too far, plain grounds are carried on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from libs.picture.load import Gray, Image, Picture
from libs.picture.subject import Subject
from services.generator.builtin.picture.crop import CROP, aimed, head_of
from services.generator.builtin.picture.framing import framed_near, widened

FRAMES = ((1280, 720), (720, 1280), (1080, 1080))


def bust(side: int = 400, top: float = 0.08) -> Subject:
    """A head on a neck on shoulders that stand on the picture's edge."""
    mask: Gray = np.zeros((side, side), np.uint8)
    crown = round(top * side)
    cv2.ellipse(mask, (round(0.55 * side), crown + 70), (48, 70), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (round(0.55 * side) - 26, crown + 110), (round(0.55 * side) + 26, crown + 190), 255, -1)
    cv2.rectangle(mask, (60, crown + 180), (side - 40, side), 255, -1)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (columns[0] / side, rows[0] / side, (columns[-1] + 1) / side, (rows[-1] + 1) / side)
    return Subject(mask=mask, box=box, cover=float((mask > 127).mean()), strength=4.0)


def seen(
    picture: tuple[int, int], frame: tuple[int, int], wish: float, subject: Subject | None
) -> tuple[float, ...]:
    """Left, top, right and bottom of the view, in parts of the picture."""
    crop = aimed(picture, frame, wish, subject=subject)
    fill = max(frame[0] / picture[0], frame[1] / picture[1]) * crop.closeness
    half_x, half_y = frame[0] / (picture[0] * fill) / 2.0, frame[1] / (picture[1] * fill) / 2.0
    x = min(max(crop.focus[0], half_x), 1.0 - half_x)
    y = min(max(crop.focus[1], half_y), 1.0 - half_y)
    return x - half_x, y - half_y, x + half_x, y + half_y


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("wish", [1.04, 1.5, 2.5])
@pytest.mark.parametrize("top", [0.0, 0.08, 0.3])
def test_the_head_is_in_every_view(frame: tuple[int, int], wish: float, top: float) -> None:
    subject = bust(top=top)
    left, above, right, below = seen((400, 400), frame, wish, subject)
    head = head_of(subject)
    assert left <= head[0]
    assert above <= head[1] + 1e-6
    assert head[2] <= right
    assert head[3] <= below


def test_a_head_ends_at_its_neck_and_a_thing_is_one_whole() -> None:
    assert 0.35 < (head_of(bust())[3] - 0.08) / 0.92 < 0.55
    mask = np.zeros((200, 200), np.uint8)
    cv2.circle(mask, (100, 100), 60, 255, -1)
    disc = Subject(mask=mask, box=(0.2, 0.2, 0.8, 0.8), cover=0.28, strength=4.0)
    assert head_of(disc)[3] >= 0.65


def test_a_subject_that_stands_free_is_shown_whole() -> None:
    mask = np.zeros((300, 300), np.uint8)
    cv2.circle(mask, (150, 150), 60, 255, -1)
    disc = Subject(mask=mask, box=(0.3, 0.3, 0.7, 0.7), cover=0.13, strength=4.0)
    left, above, right, below = seen((300, 300), (1280, 720), 3.0, disc)
    assert left <= 0.3
    assert above <= 0.3
    assert right >= 0.7
    assert below >= 0.7


def test_small_pictures_come_no_nearer_than_they_bear() -> None:
    assert aimed((320, 180), (1280, 720), 1.5).closeness == pytest.approx(1.04)
    assert aimed((320, 180), (1280, 720), 1.5, screened=True).closeness == pytest.approx(1.04)
    assert aimed((640, 360), (1280, 720), 1.5, screened=True).closeness == pytest.approx(1.5)


def test_without_a_known_subject_a_portrait_keeps_its_hair() -> None:
    left, above, right, _ = seen((600, 900), (1280, 720), 1.5, None)
    assert right - left == pytest.approx(1.0 / 1.04)
    assert above < 0.2
    assert aimed((1600, 900), (1280, 720), 1.5).closeness == pytest.approx(min(1.5, CROP))


def test_a_plain_ground_is_carried_on_and_another_is_not() -> None:
    pixels: Image = np.full((300, 300, 3), (40, 60, 200), np.uint8)
    pixels[100:200, 100:200] = 255
    mask = np.zeros((300, 300), np.uint8)
    mask[100:200, 100:200] = 255
    square = Subject(mask=mask, box=(1 / 3, 1 / 3, 2 / 3, 2 / 3), cover=1 / 9, strength=5.0)
    wide, moved = widened(Picture(pixels), square, 16 / 9)
    assert wide.pixels.shape[:2] == (300, 534)
    assert moved is not None
    left, top, right, bottom = moved.box
    inside = moved.mask[:, round(left * 534) : round(right * 534)]
    assert inside[150].min() == 255
    assert (top, bottom) == pytest.approx((1 / 3, 2 / 3))
    noise = np.random.default_rng(3).integers(0, 255, (300, 300, 3)).astype(np.uint8)
    assert widened(Picture(noise), None, 16 / 9)[0].pixels.shape == (300, 300, 3)


@pytest.mark.parametrize(("low", "high"), [(2, 40), (190, 250), (0, 255)], ids=["dark", "washed out", "full"])
def test_any_exposure_is_brought_to_the_middle(low: int, high: int) -> None:
    slope = np.linspace(low, high, 400).astype(np.uint8)
    pixels = np.repeat(np.tile(slope, (300, 1))[..., None], 3, axis=2)
    tone = framed_near(Picture(np.ascontiguousarray(pixels)), 320, 240, 1.04, subject=None).tone
    assert 80 < float(np.median(tone)) < 160
    assert float(np.percentile(tone, 97)) - float(np.percentile(tone, 3)) > 150
