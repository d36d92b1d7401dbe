"""Hues and facts: what a palette and a director go by."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from libs.picture.facts import PictureFacts, facts_of, read_facts
from libs.picture.hues import picture_hues
from libs.picture.load import Image, Picture
from libs.picture.oklab import bgr_of, from_lch
from tests.unit.picture.drawings import logo, portrait, uneven


def coloured(hue: float, second: float, share: float, chroma: float = 0.11) -> Image:
    """Two hues side by side, the second on a share of the width."""
    pixels = np.empty((120, 200, 3), np.uint8)
    pixels[:] = bgr_of(from_lch(0.6, chroma, hue))
    pixels[:, : int(200 * share)] = bgr_of(from_lch(0.6, chroma, second))
    return pixels


def apart(first: float, second: float) -> float:
    return abs((first - second + 180.0) % 360.0 - 180.0)


@pytest.mark.parametrize("hue", [5.0, 95.0, 200.0, 355.0])
def test_the_strongest_hue_is_the_main_one_and_a_far_one_is_the_grounds(hue: float) -> None:
    found = picture_hues(Picture(coloured(hue, hue + 120.0, 0.3)))
    assert apart(found.main, hue) < 8.0
    assert apart(found.ground, hue + 120.0) < 8.0
    assert not found.grey
    assert found.lightness == pytest.approx(0.6, abs=0.02)


def test_a_picture_of_one_hue_gets_a_ground_far_from_it() -> None:
    found = picture_hues(Picture(coloured(30.0, 50.0, 0.4)))
    assert apart(found.main, found.ground) == pytest.approx(150.0, abs=0.1)


def test_chroma_is_the_strong_colours_within_limits() -> None:
    assert picture_hues(Picture(coloured(30.0, 200.0, 0.3, chroma=0.12))).chroma == pytest.approx(0.12, abs=0.012)
    assert picture_hues(Picture(coloured(30.0, 200.0, 0.3, chroma=0.03))).chroma == 0.09


def test_grey_pictures_say_so() -> None:
    assert picture_hues(Picture(uneven(200, 120, (128, 128, 128)))).grey
    assert picture_hues(Picture(coloured(30.0, 200.0, 0.3, chroma=0.01))).grey


def test_what_is_transparent_does_not_count() -> None:
    pixels = coloured(30.0, 240.0, 0.7)
    alpha = np.zeros((120, 200), np.uint8)
    alpha[:, 140:] = 255
    assert apart(picture_hues(Picture(pixels, alpha)).main, 30.0) < 8.0
    assert apart(picture_hues(Picture(pixels)).main, 240.0) < 8.0


def test_the_facts_of_a_portrait() -> None:
    drawn = portrait((80, 115, 165), (14, 14, 18), (150, 110, 40), uneven(384, 480, (70, 110, 50)))
    facts = facts_of(drawn.picture)
    assert facts.usable
    assert facts.subject
    assert (facts.width, facts.height, facts.short_side, facts.faces) == (384, 480, 384, 1)
    assert facts.aspect == pytest.approx(0.8)
    assert facts.cover == pytest.approx(float(drawn.truth.mean()), abs=0.03)
    assert msgspec.json.decode(msgspec.json.encode(facts), type=PictureFacts) == facts


def test_dark_and_washed_out_pictures_show_in_lightness_and_contrast() -> None:
    plain = portrait((80, 115, 165), (14, 14, 18), (230, 220, 225), uneven(384, 480, (90, 140, 70))).picture.pixels
    usual = facts_of(Picture(plain))
    dark = facts_of(Picture((plain * 0.2).astype(np.uint8)))
    washed = facts_of(Picture((plain * 0.25 + 180).astype(np.uint8)))
    assert dark.lightness < 0.35 < usual.lightness < washed.lightness
    assert washed.contrast < 0.35 < usual.contrast


def test_noise_has_more_detail_than_blotches() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    assert facts_of(Picture(noise)).detail > 3.0 * facts_of(Picture(uneven(256, 256, (90, 120, 140)))).detail


def test_a_dot_is_of_no_use_and_a_silhouette_is(tmp_path: Path) -> None:
    path = tmp_path / "dot.png"
    cv2.imwrite(str(path), np.full((1, 1, 3), 9, np.uint8))
    facts = read_facts(path)
    assert not facts.usable
    assert not facts.subject
    _, alpha = logo((0, 0, 0), (0, 0, 0), (0, 0, 0))
    cv2.imwrite(str(path), np.dstack([np.zeros((480, 480, 3), np.uint8), alpha]))
    facts = read_facts(path)
    assert facts.usable
    assert facts.subject
