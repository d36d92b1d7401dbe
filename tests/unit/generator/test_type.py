"""Words as pictures: as large as their box, in balanced rows, whole by the time they should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.type.faces import FACES
from services.generator.builtin.type.display import capitals, display_word
from services.generator.builtin.type.raster import outline, word_mask
from services.generator.builtin.type.rows import Measure, balanced
from services.generator.builtin.type.title import TitleBlock

TEXTS = ["TONIGHT", "Zażółć", "夜に駆ける", "مرحبا", "नमस्ते", "I", "a" * 500, "run away with me"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_word_is_as_large_as_its_box(text: str) -> None:
    mask = display_word(text, 600, 300)
    assert mask is not None
    assert mask.width <= 600 and mask.height <= 300
    assert mask.width >= 590 or mask.height >= 290 or len(text) > 100
    assert mask.alpha.max() == 255


def test_what_no_face_has_is_no_word() -> None:
    assert display_word("🔥", 600, 300) is None
    assert display_word("ሰላም", 600, 300) is None


@pytest.mark.parametrize(
    ("text", "large"), [("straße", "STRASSE"), ("ışık istanbul", "IŞIK İSTANBUL"), ("Καλημέρα", "ΚΑΛΗΜΕΡΑ")]
)
def test_capitals_are_those_of_the_language(text: str, large: str) -> None:
    assert capitals(text) == large


def test_letters_that_join_are_never_tracked() -> None:
    face = FACES["grotesk"][3]
    assert np.array_equal(word_mask("مرحبا", face, 80.0, 0.2).alpha, word_mask("مرحبا", face, 80.0).alpha)
    latin = FACES["grotesk"][0]
    assert word_mask("run", latin, 80.0, 0.2).width > word_mask("run", latin, 80.0).width + 25


def test_an_outline_is_hollow() -> None:
    face = FACES["display"][0]
    whole, line = word_mask("I", face, 200.0), outline("I", face, 200.0, 2.0)
    middle = line.alpha[line.height // 2]
    assert middle[line.width // 2] == 0 and middle.max() > 200
    assert line.alpha.astype(int).sum() < 0.4 * whole.alpha.astype(int).sum()


def rows_of(text: str, most: float, rows: int) -> list[str]:
    words = text.split()
    measure = Measure(words, [10.0 * len(word) for word in words], [10.0] * len(words))
    return [" ".join(words[first:last]) for first, last in balanced(measure, most, rows)]


def test_rows_are_even_and_break_where_one_breathes() -> None:
    assert rows_of("morning light is falling on the river", 240, 3) == ["morning light is", "falling on the river"]
    assert rows_of("run away with me tonight", 150, 3) == ["run away", "with me tonight"]
    assert rows_of("stay", 10, 3) == ["stay"]
    assert rows_of("", 100, 3) == []


@given(st.lists(st.text("abcdef", min_size=1, max_size=12), min_size=1, max_size=30), st.floats(20, 400))
def test_rows_hold_all_words_in_order(words: list[str], most: float) -> None:
    measure = Measure(words, [10.0 * len(word) for word in words], [10.0] * len(words))
    rows = balanced(measure, most, 3)
    assert [index for first, last in rows for index in range(first, last)] == list(range(len(words)))


@pytest.mark.parametrize("title", ["Morning Light Is Falling", "a" * 300, "夜に駆ける", "שלום עולם", "🔥"])
@pytest.mark.parametrize("width", [110, 260])
def test_a_title_stands_in_its_box_by_nine_tenths_of_a_second(title: str, width: int) -> None:
    block = TitleBlock(title, "Anna Rivers", width, 200, 52.0)
    early, standing, late = (np.zeros((260, width + 40, 3), np.uint8) for _ in range(3))
    for frame, seconds in ((early, 0.0), (standing, 0.9), (late, 5.0)):
        block.draw(frame, (20, 20), seconds, ink=(255, 255, 255), line=(255, 255, 255))
    assert not early.any()
    assert np.array_equal(standing, late)
    assert late.any() == (title != "🔥")
    rows, columns = np.nonzero(late.any(axis=2))
    if len(rows):
        assert columns.min() >= 15 and columns.max() <= width + 24 and rows.max() < 250
