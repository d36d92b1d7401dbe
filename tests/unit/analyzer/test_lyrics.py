"""Lyrics in each format, and what is no lyrics."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.analysis import Section, Word
from libs.contracts.errors import Permanent
from services.analyzer.lyrics import letters_without_font, parse


def texts(words: tuple[Word, ...]) -> list[str]:
    return [word.text for word in words]


def test_lines_of_lrc_spread_their_words_up_to_the_next_line() -> None:
    found = parse(b"[ar:Nobody]\n[00:10.00]one two\n[00:14.00]three\n", 60.0)
    assert found.timed
    assert texts(found.words) == ["one", "two", "three"]
    assert [word.line for word in found.words] == [0, 0, 1]
    assert found.words[0].start == 10.0
    assert found.words[1].end == 14.0
    assert found.words[2].start == 14.0
    assert found.words[2].end == 22.0  # a last line is not held to the song's end
    assert 0.0 < found.words[0].confidence < 1.0


def test_enhanced_lrc_keeps_the_time_of_each_word() -> None:
    data = b"[00:12.00]<00:12.00>Hey <00:12.50>now <00:13.25>\n[00:20.00]<00:20.00>again\n"
    words = parse(data, 60.0).words
    assert [(word.text, word.start, word.end) for word in words[:2]] == [("Hey", 12.0, 12.5), ("now", 12.5, 13.25)]
    assert words[0].confidence == 1.0
    assert words[2].start == 20.0


def test_a_line_with_two_stamps_is_sung_twice_and_an_offset_moves_all() -> None:
    words = parse(b"[offset:500]\n[00:30.00][00:10.00]la\n", 60.0).words
    assert [word.start for word in words] == [9.5, 29.5]


def test_srt() -> None:
    first = "1\r\n00:00:01,500 --> 00:00:03,500\r\n<i>Hello</i> there\r\nworld\r\n\r\n"
    data = first + "2\r\n00:01:00,000 --> 00:01:02,000\r\n{\\an8}End\r\n"
    words = parse(data.encode(), 90.0).words
    assert texts(words) == ["Hello", "there", "world", "End"]
    assert [word.line for word in words] == [0, 0, 1, 2]
    assert words[0].start == 1.5
    assert words[2].end == 3.5
    assert words[3].start == 60.0


def test_plain_text_is_spread_between_intro_and_outro_with_little_confidence() -> None:
    sections = tuple(
        Section(label=label, start=start, end=end, group=0, energy=0.5)
        for label, start, end in (("intro", 0.0, 10.0), ("verse", 10.0, 50.0), ("outro", 50.0, 60.0))
    )
    found = parse(b"[Verse 1]\nfirst line\n\nsecond line\n", 60.0, sections)
    assert not found.timed
    assert texts(found.words) == ["first", "line", "second", "line"]
    assert found.words[0].start == 10.0
    assert found.words[2].start == 30.0
    assert found.words[-1].end <= 50.0
    assert all(word.confidence <= 0.3 for word in found.words)


def test_lines_after_the_song_are_left_out_and_ends_are_clipped() -> None:
    words = parse(b"[00:04.00]in\n[00:09.50]on the edge\n[00:30.00]out\n", 10.0).words
    assert texts(words) == ["in", "on", "the", "edge"]
    assert max(word.end for word in words) <= 10.0


def test_utf16_and_a_byte_order_mark_are_read() -> None:
    assert texts(parse("[00:01.00]größe\n".encode("utf-16"), 9.0).words) == ["größe"]
    assert texts(parse("\ufeff[00:01.00]größe\n".encode(), 9.0).words) == ["größe"]


@pytest.mark.parametrize("data", [b"\xff\x00\x81binary", b"a" * 200_001, b"zero\x00byte"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(Permanent) as caught:
        parse(data, 60.0)
    assert caught.value.code == "bad_lyrics"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"[ti:only tags]\n"])
def test_nothing_gives_no_words(data: bytes) -> None:
    assert parse(data, 60.0).words == () or data.startswith(b"[ti")


LINE = st.one_of(
    st.text(alphabet="ab <>[]:0123456789.,-", max_size=40),
    st.sampled_from(["[00:10.00]a b", "[99:99.999]x", "<00:01.00>w", "[00:05]<00:05.10>p <00:04.00>q",
                     "00:00:01,000 --> 00:00:00,500", "1"]),
)  # fmt: skip


@given(st.lists(LINE, max_size=12), st.floats(1.0, 900.0))
def test_any_text_gives_ordered_words_within_the_song(lines: list[str], duration: float) -> None:
    words = parse("\n".join(lines).encode(), duration).words
    assert all(0.0 <= word.start <= word.end <= duration + 0.001 for word in words)
    assert all(left.start <= right.start for left, right in pairwise(words))
    assert all(word.text.strip() for word in words)


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("Ça va, mañana – Zürich, größer, Đường… ©", ""),
        ("Καλημέρα, доброе утро!", ""),
        ("夜空 に 夜 안녕 你好", ""),
        ("love 🎸", "🎸"),
        ("ส न مرحبا שלום", ""),
        ("ሰላም 🎸", "ሰላም🎸"),
    ],
)
def test_letters_that_the_captions_cannot_show_are_named(line: str, missing: str) -> None:
    words = parse(f"[00:01.00]{line}\n".encode(), 10.0).words
    assert letters_without_font(words) == missing
