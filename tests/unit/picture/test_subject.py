"""Subjects: right where there is one, none in doubt, the same every time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from libs.picture.faces import find_faces
from libs.picture.load import Gray, Image, Picture
from libs.picture.proof import failing, overlap, prove
from libs.picture.subject import find_subject, search, subject_of
from tests.unit.picture.drawings import Bgr, Drawn, bricks, logo, portrait, thing, uneven

DEEP, BROWN, OLIVE, LIGHT = (38, 52, 84), (80, 115, 165), (110, 150, 190), (190, 208, 238)
BLACK_HAIR, FAIR_HAIR, WHITE_SHIRT, BLUE_SHIRT = (14, 14, 18), (150, 190, 220), (225, 225, 228), (150, 110, 40)
SIZE = (384, 480)


def agreement(mask: Gray, drawn: Drawn) -> float:
    return overlap(mask, np.where(drawn.truth, 255, 0).astype(np.uint8))


PEOPLE: dict[str, tuple[Bgr, Bgr, Bgr, Image]] = {
    "deep skin, black hair, on light": (DEEP, BLACK_HAIR, BLUE_SHIRT, uneven(*SIZE, (205, 205, 208))),
    "deep skin, black hair, on dark": (DEEP, BLACK_HAIR, BLUE_SHIRT, uneven(*SIZE, (70, 66, 60))),
    "brown skin, black hair, on green": (BROWN, BLACK_HAIR, WHITE_SHIRT, uneven(*SIZE, (70, 110, 50))),
    "olive skin, black hair, on bricks": (OLIVE, BLACK_HAIR, BLUE_SHIRT, bricks(*SIZE)),
    "light skin, fair hair, on light": (LIGHT, FAIR_HAIR, WHITE_SHIRT, uneven(*SIZE, (236, 238, 240))),
    "light skin, fair hair, on dark": (LIGHT, FAIR_HAIR, WHITE_SHIRT, uneven(*SIZE, (30, 26, 24))),
}


@pytest.mark.parametrize("name", PEOPLE)
def test_people_are_cut_out_with_their_heads(name: str) -> None:
    drawn = portrait(*PEOPLE[name])
    subject = find_subject(drawn.picture)
    assert subject is not None
    assert agreement(subject.mask, drawn) > 0.94
    assert len(subject.faces) == 1
    assert subject.cover == pytest.approx(float(drawn.truth.mean()), abs=0.03)
    left, top, right, bottom = subject.box
    assert left < subject.faces[0].left < subject.faces[0].right < right
    assert top < subject.faces[0].top
    assert bottom == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("gain", "lift"), [(0.3, 0.0), (0.3, 160.0)], ids=["dark", "washed out"])
def test_dark_and_washed_out_pictures_keep_their_subject(gain: float, lift: float) -> None:
    drawn = portrait(*PEOPLE["brown skin, black hair, on green"])
    faint = Picture(np.rint(drawn.picture.pixels * gain + lift).astype(np.uint8))
    subject = find_subject(faint)
    assert subject is not None
    assert agreement(subject.mask, drawn) > 0.92


@pytest.mark.parametrize("ground", [(240, 240, 240), (20, 18, 16), (120, 110, 30)])
def test_a_thing_is_cut_out(ground: Bgr) -> None:
    drawn = thing(uneven(500, 400, ground))
    subject = find_subject(drawn.picture)
    assert subject is not None
    assert agreement(subject.mask, drawn) > 0.95
    assert subject.strength > 2.5


def _gradient() -> Image:
    return np.repeat(np.linspace((30, 60, 120), (220, 160, 60), 300)[:, None], 400, axis=1).astype(np.uint8)


def _horizon() -> Image:
    sky, sea = uneven(480, 150, (220, 190, 150)), uneven(480, 170, (90, 60, 20), seed=2)
    return np.vstack([sky, sea])


def _text() -> Image:
    page = np.full((600, 440, 3), 248, np.uint8)
    for line in range(18):
        cv2.putText(
            page, "no single thing to see here"[: 14 + line % 12], (24, 50 + 30 * line), 0, 0.7, (30,) * 3, 2
        )
    return page


NOTHING: dict[str, Image] = {
    "noise": np.random.default_rng(1).integers(0, 255, (300, 300, 3)).astype(np.uint8),
    "blotches": uneven(400, 300, (120, 110, 30)),
    "bricks": bricks(480, 360),
    "gradient": _gradient(),
    "horizon": _horizon(),
    "stripes": np.repeat(np.tile(np.repeat([20, 220], 40), 6)[None, :, None], 360, axis=0)
    .repeat(3, 2)
    .astype(np.uint8),
    "text": _text(),
    "plain": np.full((300, 300, 3), 90, np.uint8),
    "one pixel": np.full((1, 1, 3), 90, np.uint8),
    "a line": np.random.default_rng(1).integers(0, 255, (1, 2000, 3)).astype(np.uint8),
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_there_is_no_subject_none_is_found(name: str) -> None:
    finding = search(Picture(NOTHING[name]))
    assert finding.subject is None
    assert finding.doubt


def test_hair_that_is_lost_in_the_dark_is_doubt() -> None:
    """A head without its hair is the ugliest cut of all."""
    drawn = portrait(LIGHT, (13, 13, 14), BLUE_SHIRT, uneven(*SIZE, (13, 13, 14)))
    subject = find_subject(drawn.picture)
    assert subject is None or agreement(subject.mask, drawn) > 0.93


def test_a_body_without_its_head_does_not_pass() -> None:
    drawn = portrait(*PEOPLE["brown skin, black hair, on green"])
    faces = find_faces(drawn.picture.pixels)
    whole = np.where(drawn.truth, 255, 0).astype(np.uint8)
    assert failing(prove(drawn.picture.pixels, whole, faces), people=True) == ""
    headless = whole.copy()
    headless[: int(0.6 * SIZE[1])] = 0
    assert failing(prove(drawn.picture.pixels, headless, faces), people=True) != ""
    assert prove(drawn.picture.pixels, headless, faces).heads < 0.5


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (40, 30, 200)])
@pytest.mark.parametrize("quality", [None, 60], ids=["exact", "jpeg"])
def test_a_logo_on_a_plain_ground_keeps_every_letter_and_no_ground(ground: Bgr, quality: int | None) -> None:
    ink: Bgr = (245, 240, 235) if sum(ground) < 400 else (40, 20, 20)
    pixels, truth = logo(ground, ink, (40, 190, 250))
    if quality is not None:
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    subject = find_subject(Picture(pixels))
    assert subject is not None
    assert (
        overlap(
            np.where(subject.mask > 127, 255, 0).astype(np.uint8), np.where(truth > 127, 255, 0).astype(np.uint8)
        )
        > 0.95
    )
    assert subject.mask[190, 240] == 0


def test_a_real_alpha_channel_is_the_subject() -> None:
    pixels, alpha = logo((0, 0, 0), (250, 250, 250), (60, 60, 240))
    subject = find_subject(Picture(pixels, alpha))
    assert subject is not None
    assert np.array_equal(subject.mask, alpha)


def test_an_alpha_channel_that_is_the_same_all_over_says_nothing() -> None:
    drawn = thing(uneven(500, 400, (240, 240, 240)))
    veiled = Picture(drawn.picture.pixels, np.full((400, 500), 128, np.uint8))
    assert search(veiled).doubt == "alpha"


def test_the_same_picture_gives_the_same_mask_on_any_number_of_threads() -> None:
    picture = portrait(*PEOPLE["olive skin, black hair, on bricks"]).picture
    threads = cv2.getNumThreads()
    masks = []
    try:
        for number, seed in ((1, 5), (2, 9)):
            cv2.setNumThreads(number)
            cv2.setRNGSeed(seed)
            subject = find_subject(picture)
            assert subject is not None
            masks.append(subject.mask.tobytes())
    finally:
        cv2.setNumThreads(threads)
    assert masks[0] == masks[1]


def test_the_edge_is_soft_and_as_large_as_the_picture() -> None:
    drawn = thing(uneven(1200, 900, (240, 240, 240)))
    subject = find_subject(drawn.picture)
    assert subject is not None
    assert subject.mask.shape == (900, 1200)
    assert 0.0005 < float(((subject.mask > 20) & (subject.mask < 235)).mean()) < 0.03


def test_a_picture_of_many_shots_is_searched_once() -> None:
    picture = thing(uneven(500, 400, (240, 240, 240))).picture
    first = subject_of(picture, "a" * 64)
    assert first is not None
    assert subject_of(picture, "a" * 64) is first
    assert subject_of(Picture(NOTHING["plain"]), "b" * 64) is None
