"""Pictures that are neither portraits nor things: places, skies of stars, logos."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
import pytest

from libs.contracts.storyboard import Palette
from libs.picture.load import Image, Picture
from libs.picture.oklab import oklab_of_pixels
from libs.picture.subject import Subject
from services.generator.builtin.cutout.cut import Cut, cut_out
from services.generator.builtin.cutout.logo import is_logo, logo_table
from services.generator.builtin.looks.pop import laid_out
from services.generator.builtin.looks.stencil import clouds_of, strewn
from services.generator.builtin.paint.colour import Inks, clear_mix, mix
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.picture.framing import eye_of, framed_near
from services.generator.builtin.type.room import Place, roomiest, taken
from services.planner.palette import Ground, on_ground
from tests.unit.generator.scenes import DARK, LIGHT, painter, shot

TEAL = Palette(ground="#0b1424", low="#17395c", mid="#2a6f97", accent="#f08a5d", light="#f4ead8")


def house_by_a_lake(left: float = 0.28) -> Picture:
    """Calm sky and water, a house full of windows at one side."""
    pixels: Image = np.full((400, 600, 3), (215, 200, 190), np.uint8)
    pixels[270:] = (180, 160, 140)
    pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 5.0), dtype=np.uint8)
    middle = round(600 * left)
    for row in range(90, 340, 14):
        for column in range(middle - 80, middle + 80, 14):
            cv2.rectangle(pixels, (column, row), (column + 8, row + 9), (30, 35, 90), -1)
    return Picture(pixels)


def stars() -> Picture:
    random = np.random.default_rng(5)
    pixels: Image = np.full((400, 600, 3), 14, np.uint8)
    for x, y in zip(random.normal(210.0, 120.0, 500), random.uniform(0.0, 400.0, 500), strict=True):
        cv2.circle(pixels, (int(x), int(y)), 1, (200, 220, 240), -1)
    return Picture(pixels)


def cut(pixels: Image) -> Cut:
    mask = np.zeros(pixels.shape[:2], np.uint8)
    cv2.circle(mask, (120, 120), 90, 255, -1)
    return cut_out(Picture(pixels), Subject(mask=mask, box=(0.1, 0.1, 0.9, 0.9), cover=0.4, strength=9.0))


def test_a_view_follows_what_draws_the_eye() -> None:
    assert eye_of(house_by_a_lake(0.28))[0] < 0.45
    assert eye_of(house_by_a_lake(0.72))[0] > 0.55
    upright = framed_near(house_by_a_lake(0.28), 270, 480, 1.04, subject=None)
    windows = np.flatnonzero(cv2.Laplacian(upright.tone, cv2.CV_32F).std(axis=0) > 25.0)
    left, right = (upright.centre[0] + way * 0.5 * 270 * upright.scale for way in (-1.0, 1.0))
    assert float(((left < windows) & (windows < right)).mean()) > 0.8


def test_words_stand_beside_what_is_busy() -> None:
    sides = [(Place("left", 0.5), (0.0, 0.3, 0.45, 0.7)), (Place("right", 0.5), (0.55, 0.3, 1.0, 0.7))]
    for at, side in ((0.28, "right"), (0.72, "left")):
        drawn = painter(shot("duotone"), picture=house_by_a_lake(at))
        grid = taken(drawn.look, drawn.moment(0), drawn.stage.width, drawn.stage.height)
        assert roomiest(sides, grid).side == side


def test_stars_make_clouds_and_a_house_does_not() -> None:
    tone = framed_near(stars(), 320, 180, 1.04, subject=None).tone
    assert strewn(tone)
    assert not strewn(framed_near(house_by_a_lake(), 320, 180, 1.04, subject=None).tone)
    clouds = clouds_of(tone)
    assert clouds.shape == tone.shape
    assert clouds[:, : clouds.shape[1] // 2].mean() > clouds[:, clouds.shape[1] // 2 :].mean()


def test_flat_art_is_a_logo_and_a_photograph_is_not() -> None:
    flat: Image = np.full((240, 240, 3), (60, 40, 220), np.uint8)
    cv2.circle(flat, (120, 120), 50, (20, 20, 20), -1)
    assert is_logo(cut(flat))
    noise = np.random.default_rng(2).integers(0, 255, (240, 240, 3), dtype=np.uint8)
    assert not is_logo(cut(np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5), dtype=np.uint8)))


@pytest.mark.parametrize("palette", [DARK, LIGHT, TEAL], ids=["dark", "light", "teal"])
@pytest.mark.parametrize("ground", get_args(Ground))
def test_all_of_a_logo_stands_off_its_ground(palette: Palette, ground: Ground) -> None:
    inks = Inks.of(on_ground(palette, ground))
    table = logo_table(inks, key_of(inks))
    apart = np.abs(oklab_of_pixels(table.reshape(-1, 1, 3))[..., 0] - float(inks.ground[0]))
    assert float(apart.min()) > 0.14


def test_opposite_inks_meet_in_colour_and_others_as_always() -> None:
    inks = Inks.of(TEAL)
    grey, clear = (
        np.hypot(*ink[1:]) for ink in (mix(inks.mid, inks.accent, 0.5), clear_mix(inks.mid, inks.accent, 0.5))
    )
    assert clear > 1.5 * grey
    assert np.allclose(clear_mix(inks.mid, inks.accent, 0.0), inks.mid)
    assert np.allclose(clear_mix(inks.mid, inks.accent, 1.0), inks.accent)
    assert np.allclose(clear_mix(inks.low, inks.mid, 0.3), mix(inks.low, inks.mid, 0.3))


@pytest.mark.parametrize(("across", "along"), [(2, 1), (2, 2), (3, 2), (2, 3), (4, 4)])
def test_prints_cover_the_sheet_once(across: int, along: int) -> None:
    seen = np.zeros((along, across), int)
    for cell in laid_out(across, along, np.random.default_rng(3)):
        seen[cell.row : cell.row + cell.across, cell.column : cell.column + cell.across] += 1
    assert (seen == 1).all()
    assert len(laid_out(across, along, np.random.default_rng(3))) < across * along or across * along < 6
