"""Which symbols say which word, and when it is heard therefore."""

from __future__ import annotations

from itertools import pairwise

import pytest

from services.generator.voice.phonemes import NOWHERE, Pronunciation
from services.generator.voice.piper_words import located, speakers, word_times

ALONE = {"of": "av", "the": "thi", "in": "in"}


def owners(symbols: str, origins: list[int], text: str, *, blank: str | None = None) -> list[int]:
    words = text.split()
    starts = located(text, words)
    assert starts is not None
    said = Pronunciation(symbols, tuple(origins))
    return speakers(said, blank or text, words, starts, lambda word: ALONE.get(word, word))


def test_words_are_found_in_order() -> None:
    assert located("a b, a", ["a", "b,", "a"]) == [0, 2, 5]
    assert located("今日は良い", ["今日は", "良い"]) == [0, 3]
    assert located("a b", ["b", "a"]) is None


def test_words_said_in_one_are_parted_where_each_alone_would_end() -> None:
    assert owners("avthi si", [0, 0, 0, 0, 0, NOWHERE, 7, 7], "of the sea") == [0, 0, 1, 1, 1, NOWHERE, 2, 2]
    assert owners("inthi", [0, 0, 0, 0, 0], "in the") == [0, 0, 1, 1, 1]


def test_a_word_in_one_with_another_is_never_without_a_sound() -> None:
    assert set(owners("xyz", [0, 0, 0], "of the in")) == {0, 1, 2}


def test_what_is_blank_or_mere_punctuation_shares_nothing() -> None:
    assert owners("avav", [0, 0, 0, 0], "of — xx", blank="of —   ") == [0, 0, 0, 0]


def test_the_space_before_a_word_stands_for_the_word() -> None:
    assert owners("av in", [0, 0, NOWHERE, 2, 2], "of in") == [0, 0, NOWHERE, 1, 1]


def spans(owners: list[int], words: list[str]) -> list[tuple[float, float]]:
    bounds = [(float(index), index + 1.0) for index in range(len(owners))]
    return [(heard.start, heard.end) for heard in word_times(owners, bounds, words)]


def test_words_meet_in_the_middle_of_a_space_and_keep_a_pause() -> None:
    assert spans([0, 0, NOWHERE, 1, NOWHERE, NOWHERE, 2], ["a", "b,", "c"]) == [(0, 2.5), (2.5, 4), (6, 7)]


def test_words_said_in_one_touch() -> None:
    assert spans([0, 0, 1, 1], ["of", "the"]) == [(0, 2), (2, 4)]


def test_what_is_not_said_has_the_gap_and_says_so() -> None:
    heard = word_times([0, NOWHERE, NOWHERE, 3], [(0, 1), (1, 2), (2, 3), (3, 4)], ["a", "😀", "—", "b"])
    assert [(word.start, word.end, word.spoken) for word in heard] == [
        (0, 1, True),
        (1, 3, False),
        (1, 3, True),
        (3, 4, True),
    ]


@pytest.mark.parametrize("words", [["😀", "a"], ["a", "😀"], ["😀", "日本", "a", "—"]])
def test_times_never_run_back(words: list[str]) -> None:
    at = words.index("a")
    heard = word_times([at, at], [(1.0, 2.0), (2.0, 3.0)], words)
    assert all(word.start <= word.end for word in heard)
    assert all(one.start <= other.start for one, other in pairwise(heard))
    assert [word.spoken for word in heard] == [word in "a—" for word in words]
