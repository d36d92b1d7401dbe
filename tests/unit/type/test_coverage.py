"""Which face draws what is known before anything is drawn, in every script."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.type.coverage import choose_face, drawable, draws, is_writable, missing, uncovered
from libs.type.faces import FACES, Role

ROLES: tuple[Role, ...] = get_args(Role)


@pytest.mark.parametrize(
    ("text", "display", "grotesk", "italic"),
    [
        ("Run away", "Fjalla One", "Red Hat Display", "Source Serif Pro"),
        ("déjà vu, größer", "Fjalla One", "Red Hat Display", "Source Serif Pro"),
        ("Zażółć gęślą jaźń", "Noto Sans", "Red Hat Display", "Source Serif Pro"),
        ("İstanbul'da ışık", "Noto Sans", "Red Hat Display", "Source Serif Pro"),
        ("Καλημέρα", "Noto Sans", "Manrope", "Source Serif Pro"),
        ("Привет, ёж, їжак", "Noto Sans", "Manrope", "Source Serif Pro"),
        ("Đường về nhà", "Noto Sans", "Manrope", "Source Serif Pro"),
        ("夜に駆ける", "Noto Sans CJK JP", "Noto Sans CJK JP", "Noto Sans CJK JP"),
        ("我们的歌 안녕", "Noto Sans CJK JP", "Noto Sans CJK JP", "Noto Sans CJK JP"),
        ("مرحبا", "Noto Sans Arabic", "Noto Sans Arabic", "Noto Sans Arabic"),
        ("שלום", "Noto Sans Hebrew", "Noto Sans Hebrew", "Noto Sans Hebrew"),
        ("नमस्ते", "Noto Sans", "Noto Sans", "Noto Sans"),
        ("வணக்கம்", "Noto Sans Tamil", "Noto Sans Tamil", "Noto Sans Tamil"),
        ("สวัสดี", "Noto Sans Thai", "Noto Sans Thai", "Noto Sans Thai"),
    ],
)
def test_the_first_face_that_has_all_letters_is_chosen(text: str, display: str, grotesk: str, italic: str) -> None:
    roles: dict[Role, str] = {"display": display, "grotesk": grotesk, "italic": italic}
    for role, family in roles.items():
        face = choose_face(role, text)
        assert face is not None and face.family == family
        assert draws(face, text)
    assert not missing(text)


@pytest.mark.parametrize("text", ["🔥", "ሰላም", "love 🎸"])
def test_what_no_face_has_is_told(text: str) -> None:
    assert all(choose_face(role, text) is None for role in ROLES)
    assert missing(text) == "".join(char for char in text if char not in "love ")


def test_symbols_that_no_face_has_are_left_out_and_letters_stay() -> None:
    assert drawable("love 🎸 you ❤️\u200d🔥 ") == "love you"
    assert drawable("ሰላም 🔥") == "ሰላም"
    assert drawable("one\ttwo\u0000\u001b[31m") == "one two [31m"


def test_a_letter_with_marks_is_drawn_from_its_parts() -> None:
    face = FACES["grotesk"][0]
    assert draws(face, "e\u0301") and draws(face, "\u00e9")
    assert uncovered(face, "abдд") == "д"


@given(st.text(max_size=40))
def test_any_text_has_a_verdict(text: str) -> None:
    shown = drawable(text)
    assert drawable(shown) == shown
    for role in ROLES:
        face = choose_face(role, shown)
        assert face is None or draws(face, shown)
    if missing(shown):
        assert choose_face("caption", shown) is None


@pytest.mark.parametrize(
    ("text", "written"),
    [("love", True), ("love 🎸", True), ("2024", True), ("🎸", False), ("…", False), ("ሰላም", False)],
)
def test_what_has_letters_and_a_face_in_every_role_is_written(text: str, written: bool) -> None:
    assert is_writable(text) is written


def test_every_face_has_its_file() -> None:
    for faces in FACES.values():
        assert all(face.path.is_file() for face in faces)
