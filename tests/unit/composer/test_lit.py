"""Captions that light up: every word is shown, in rows that fit, at its own frames, wherever the sentence lies."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.scripts import Narration
from services.composer.lit import MAX_ROWS, LitCaption, gaps, lit_captions
from services.composer.lit_script import LIT, lit_script, setting
from services.composer.shown import line_numbers
from tests.narrations import analysis_of, moved, narration
from tests.storyboards import scene

FPS = Fraction(30)
SIZES = [(1280, 720), (720, 1280), (720, 720), (320, 180)]


def shown(told: Narration, size: tuple[int, int] = (1280, 720), fps: Fraction = FPS) -> list[LitCaption]:
    """Its captions on one long scene."""
    lines = line_numbers(analysis_of(told), told)
    return lit_captions(told, lines, fps, [scene(1, 0, told.frames)], setting(*size))


def text_of(captions: list[LitCaption]) -> str:
    """All rows, one after the other."""
    rows = ["".join(word.gap + word.text for word in row).strip() for one in captions for row in one.rows]
    return " ".join(rows)


@pytest.mark.parametrize("size", SIZES)
def test_every_word_is_shown_in_rows_that_fit(size: tuple[int, int]) -> None:
    told = narration([("The keeper of the old lighthouse, who had not slept, saw the ship at 4.30 a.m.", 0)])
    captions, room = shown(told, size), setting(*size)
    assert text_of(captions) == told.sentences[0].text
    for one in captions:
        assert len(one.rows) <= MAX_ROWS
        for row in one.rows:
            assert sum(room.width(word.gap + word.text) for word in row) <= room.room + 12
    assert all(before.end <= after.start for before, after in pairwise(captions))


def test_words_light_up_in_their_frames_one_after_the_other() -> None:
    told = narration([("One two three.", 0), ("Four five.", 0)], lead=72)
    words = [word for one in shown(told) for row in one.rows for word in row]
    starts = [one.start_frame + round(word.start * 30) for one in told.sentences for word in one.words]
    assert [word.start for word in words] == starts
    assert all(before.end <= after.start for before, after in pairwise(words))
    assert [word.number for word in words] == list(range(5))


def test_a_sentence_that_moves_keeps_its_script() -> None:
    told = narration([("The same words, wherever they are said.", 0)])
    later = moved(told, 1234)
    here = lit_script(shown(told), 0, told.frames, FPS, (640, 360))
    there = lit_script(shown(later), 1234, later.frames, FPS, (640, 360))
    assert here == there != ""


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "60"])
def test_times_lie_between_frames_at_any_rate(rate: str) -> None:
    fps = Fraction(rate)
    told = narration([("One two three four five six seven eight.", 0)], fps=fps)
    captions = shown(told, fps=fps)
    script = lit_script(captions, 0, told.frames, fps, (640, 360))
    begun = sorted({line.split(",")[1] for line in script.splitlines() if line.startswith("Dialogue: 1")})
    frames = sorted({word.start for one in captions for row in one.rows for word in row})
    for frame in frames:
        early, late = Fraction(max(frame - 1, 0)) / fps * 1000, frame / fps * 1000
        hits = [one for one in begun if early - 1 < _milliseconds(one) <= late]
        assert hits, f"frame {frame} has no event"


def _milliseconds(clock: str) -> int:
    hours, minutes, seconds = clock.split(":")
    return round(1000 * (3600 * int(hours) + 60 * int(minutes) + float(seconds)))


def test_one_word_is_lit_at_a_time_and_nothing_else_changes() -> None:
    told = narration([("Say each of these words once.", 0)])
    script = lit_script(shown(told), 0, told.frames, FPS, (640, 360))
    events = [line.split(",", 9)[9] for line in script.splitlines() if line.startswith("Dialogue: 1")]
    assert len(events) >= 6
    assert all(event.count(LIT) <= 1 for event in events)
    assert len({event.replace(LIT, "&HFFFFFF&") for event in events}) == 1


def test_captions_end_with_their_scene() -> None:
    told = narration([("A first one.", 0), ("A second one.", 0)])
    cut = told.sentences[1].start_frame - 6
    scenes = [scene(1, 0, cut), scene(2, cut, told.frames)]
    first, second = lit_captions(told, [0] * 3 + [1] * 3, FPS, scenes, setting(640, 360))
    assert first.end == cut and second.start == told.sentences[1].start_frame
    fading = [scenes[0], scene(2, cut, told.frames, overlap=8)]
    assert lit_captions(told, [0] * 3 + [1] * 3, FPS, fading, setting(640, 360))[0].end == cut - 4
    drawn = [msgspec.structs.replace(scenes[0], lyrics="stack"), scenes[1]]
    assert lit_captions(told, [0] * 3 + [1] * 3, FPS, drawn, setting(640, 360)) == [second]


def test_a_word_wider_than_a_row_is_broken_and_lit_part_by_part() -> None:
    word = "https://example.org/" + "never-ends/" * 12
    captions = shown(narration([(f"See {word} now.", 0)]), (720, 1280))
    assert text_of(captions).replace(" ", "") == f"See{word}now."
    parts = [part for one in captions for row in one.rows for part in row if part.number == 1]
    assert len(parts) > 2 and all(before.end == after.start for before, after in pairwise(parts))


def test_writing_without_spaces_stays_without() -> None:
    (sentence,) = narration([("昔々 あるところに", 0)]).sentences
    split = [msgspec.structs.replace(sentence.words[0], text=text) for text in ("昔々", "ある", "ところに")]
    assert gaps(msgspec.structs.replace(sentence, words=tuple(split))) == ["", " ", ""]


def test_rows_are_read_as_their_sentence_is() -> None:
    told = narration([("Beatloom هو برنامج جديد", 0)])
    script = lit_script(shown(told), 0, told.frames, FPS, (1280, 720))
    assert all("\u200f" in line for line in script.splitlines() if line.startswith("Dialogue"))
    plain = narration([("שלום is a greeting of people.", 0)])
    script = lit_script(shown(plain), 0, plain.frames, FPS, (1280, 720))
    assert all("\u200e" in line for line in script.splitlines() if line.startswith("Dialogue"))


@given(
    st.lists(st.text(st.characters(blacklist_categories=["Cs", "Zs", "Cc"]), min_size=1), min_size=1, max_size=9)
)
@settings(max_examples=60, deadline=None)
def test_nothing_that_is_said_becomes_a_command(words: list[str]) -> None:
    text = " ".join("".join(word.split()) or "x" for word in words)
    told = narration([(text, 0)])
    script = lit_script(shown(told, (320, 180)), 0, told.frames, FPS, (320, 180))
    for line in script.splitlines():
        if not line.startswith("Dialogue"):
            continue
        body = line.split(",", 9)[9].replace("\\{", "").replace("\\}", "")
        depth = 0
        for char in body:
            depth += (char == "{") - (char == "}")
            assert depth in (0, 1)
        assert depth == 0
