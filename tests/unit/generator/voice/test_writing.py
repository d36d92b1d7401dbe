"""What of a text a voice can say: the rest is blank, and everything stays in its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.voice.writing import is_word, sayable


@pytest.mark.parametrize(
    ("language", "text", "left"),
    [
        ("en", "naïve café, 50% & $3!", "naïve café, 50% & $3!"),
        ("en", "hi😀👍🏽 there", "hi    there"),
        ("en", "東京 مرحبا Привет λ", "                 ".ljust(17)),
        ("en", "20 °C ™ № 5", "20 °C ™ № 5"),
        ("ru", "Привет, world 東", "Привет, world  "),
        ("ar", "مَرحبا 5", "مَرحبا 5"),
        ("ja", "東京タワー ひらがな Ｔシャツ", "  タワー ひらがな Ｔシャツ"),
        ("hi", "नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("zh", "你好，世界", "你好，世界"),
        ("en", "a\x00b\u200bc\u202ed\ufe0f", "a b c d "),
    ],
)
def test_what_is_left(language: str, text: str, left: str) -> None:
    assert sayable(text, language).strip() == left.strip()
    assert len(sayable(text, language)) == len(text)


@given(st.text(), st.sampled_from(["en", "ru", "zh", "xx", ""]))
def test_nothing_moves_and_nothing_is_changed(text: str, language: str) -> None:
    left = sayable(text, language)
    assert len(left) == len(text)
    assert all(after in (before, " ") for before, after in zip(text, left, strict=True))


@pytest.mark.parametrize(
    ("text", "word"),
    [("a", True), ("5", True), ("&", False), ("😀", True), ("—", False), ("", False), ("$", True), ("你", True)],
)
def test_a_word_is_more_than_punctuation(text: str, word: bool) -> None:
    assert is_word(text) is word
