"""Captions: what is shown when, wrapped, and harmless whatever the words are."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from libs.contracts.analysis import Word
from libs.type.coverage import drawable
from services.composer.captions import Caption, beside, captions, escaped, layout, script, within
from tests.storyboards import scene
from tests.unit.composer.builders import line


def test_a_line_is_shown_at_its_words_times() -> None:
    (one,) = captions(line("hello dark world", 2.0), 40)
    assert one.rows == ("hello dark world",)
    assert one.start == 2.0 and one.end == pytest.approx(2.9 + 0.35)


def test_a_caption_ends_when_the_next_begins() -> None:
    first, second = captions(line("one two three", 1.0) + line("four", 1.9, number=1), 40)
    assert first.end == second.start == 1.9


def test_a_long_line_is_shown_in_turns() -> None:
    words = line("a long line of many words that never ends and never fits into two rows at all", 1.0)
    found = captions(words, 20)
    assert len(found) > 1
    assert " ".join(" ".join(one.rows) for one in found) == " ".join(word.text for word in words)
    starts = {word.start for word in words}
    assert all(one.start in starts for one in found)


def test_guessed_times_are_not_shown() -> None:
    assert captions(line("maybe here", 1.0, confidence=0.2), 40) == []


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Word,
            text=st.text(max_size=30),
            start=st.floats(0, 100),
            end=st.floats(0, 100),
            confidence=st.just(1.0),
            line=st.integers(0, 5),
        ),
        max_size=30,
    ),
    st.integers(8, 60),
)
def test_captions_never_overlap_and_fit(words: list[Word], columns: int) -> None:
    found = captions(words, columns)
    assert all(one.end > one.start >= 0 for one in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert all(len(row) <= columns for one in found for row in one.rows)


@settings(deadline=None)
@given(st.text())
def test_no_text_can_command(text: str) -> None:
    shown = escaped(drawable(text))
    assert "\n" not in shown and "\r" not in shown
    for at, char in enumerate(shown):
        if char in "{}":
            assert shown[at - 1] == "\\"
        if char == "\\":
            assert shown[at + 1] in "{}\u2060"


def test_every_line_of_a_script_is_ours() -> None:
    words = [
        Word(text="x\nDialogue: 0,0:00:00.00,9:00:00.00,Line,,0,0,0,,evil{\\p1}", start=1, end=2, confidence=1)
    ]
    text = script(captions(words, 20), 320, 180)
    assert sum(row.startswith("Dialogue:") for row in text.splitlines()) == len(captions(words, 20))


def test_only_what_is_seen_in_a_segment() -> None:
    shown = captions(line("one", 1.0) + line("two", 3.0, number=1), 40)
    fps = Fraction(30)
    assert within(shown, 0, 30, fps) == []
    assert within(shown, 0, 31, fps) == shown[:1]
    assert within(shown, 60, 90, fps) == []
    assert within(shown, 60, 91, fps) == shown[1:]


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (1080, 1080), (1080, 1350), (320, 180), (96, 170)])
def test_captions_keep_clear_of_the_edges(size: tuple[int, int]) -> None:
    width, height = size
    found = layout(width, height)
    assert found.side >= 0.075 * width and found.below >= 0.075 * height
    assert found.columns * found.size * 0.40 <= width - 2 * found.side + found.size
    assert found.size >= min(size) * 0.069


def test_captions_stay_out_of_scenes_that_have_the_words_drawn_in() -> None:
    shown = [Caption(1.0, 3.0, ("one",)), Caption(3.0, 5.0, ("two",)), Caption(6.0, 7.0, ("three",))]
    scenes = [scene(1, 0, 60), scene(2, 60, 120), scene(3, 120, 240), scene(4, 240, 260)]
    scenes = [
        structs.replace(one, lyrics=kind)
        for one, kind in zip(scenes, ("captions", "line", "captions", "none"), strict=True)
    ]
    assert beside(shown, scenes, Fraction(30)) == [
        Caption(1.0, 2.0, ("one",)),
        Caption(4.0, 5.0, ("two",)),
        Caption(6.0, 7.0, ("three",)),
    ]


def test_a_caption_in_another_script_names_its_face() -> None:
    text = script(captions(line("夜 に", 1.0) + line("hello", 4.0, number=1), 20), 320, 180)
    japanese, latin = (row for row in text.splitlines() if row.startswith("Dialogue:"))
    assert "\\fnNoto Sans CJK JP" in japanese
    assert "\\fn" not in latin


def test_wide_letters_need_more_room() -> None:
    (one,) = captions(line("夜に駆ける物語の始まり", 1.0), 40)
    assert all(len(row) <= 17 for row in one.rows)


def test_a_word_longer_than_the_caption_is_cut() -> None:
    (one,) = captions(line("A" * 10_000, 1.0), 20)
    assert one.rows == ("A" * 20, "A" * 19 + "…")


def test_emoji_that_no_face_has_are_left_out() -> None:
    shown = captions(line("🎉🎉 party", 1.0) + line("🎉", 4.0, number=1), 20)
    assert [one.rows for one in shown] == [("party",)]
