"""Phonemes with the text's punctuation among them, each at the place that it says."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.generator.voice.espeak import Place, Transcript
from services.generator.voice.phonemes import NOWHERE, Pronunciation, aligned, pronunciation


def said(text: str, clauses: list[str], pauses: list[int]) -> Pronunciation:
    """As if espeak said each clause like that, word by word as the text has them."""
    words = [word for clause in clauses for word in clause.split()]
    places, at = [], 0
    for written, word in zip(text.split(), words, strict=True):
        at = text.index(written, at)
        places.append(Place(at, word))
        at += 1
    return pronunciation(text, Transcript(tuple(clauses), tuple(places), tuple(pauses)))


def test_pauses_are_the_punctuation_of_the_text() -> None:
    text = "well, now: yes; no — go? Ah! So"
    symbols = said(
        text.replace(" —", "—"), ["wel", "nau", "jes", "nou", "gou", "a", "sou"], [6, 11, 16, 20, 24, 28]
    )
    assert symbols.symbols == "wel, nau: jes; nou; gou? a! sou."


def test_each_symbol_knows_its_character() -> None:
    text = "go on, now"
    found = said(text, ["gou an", "nau"], [7])
    assert found.symbols == "gou an, nau."
    assert [text[at] if at != NOWHERE else "-" for at in found.origins] == list("ggg-oo--nnn-")


def test_a_line_ends_with_its_own_mark_and_else_with_a_full_stop() -> None:
    for text, end in [
        ("no", "."),
        ("no!", "!"),
        ('"no?"', "?"),
        ("no?!", "?"),
        ("no…", "."),
        ("no。", "."),
        ("no؟", "?"),
    ]:
        assert said(text, ["nou"], []).symbols == f"nou{end}"


def test_an_abbreviation_makes_no_pause() -> None:
    assert said("Dr. Who came", ["dakta", "hu keim"], []).symbols == "dakta hu keim."
    assert said("Hr. Maier kam", ["her", "maia kam"], [4]).symbols == "her maia kam."
    assert said("am 3. Mai", ["am drai", "mai"], [6]).symbols == "am drai mai."


def test_a_sentence_within_the_line_keeps_its_pause() -> None:
    assert said('"Go away." He left', ["gou awei", "hi left"], [11]).symbols == "gou awei. hi left."
    assert said("Well... no", ["wel", "nou"], [8]).symbols == "wel; nou."


def test_names_of_languages_are_no_phonemes() -> None:
    transcript = Transcript(("das (en)haus(de) da",), (Place(0, "das"), Place(4, "haus"), Place(9, "da")), ())
    found = pronunciation("das house da", transcript)
    assert found.symbols == "das haus da."
    assert found.origins[4:8] == (4, 4, 4, 4)


def test_nothing_said_is_nothing() -> None:
    assert pronunciation("...", Transcript(("", ""), (), ())) == Pronunciation("", ())


def test_letters_find_their_like() -> None:
    assert aligned("abc", "abc") == [0, 1, 2]
    assert aligned("a5bc5", "abc") == [0, 0, 1, 2, 2]
    assert aligned("ac", "abbc") == [0, 3]
    assert aligned("", "abc") == []
    assert aligned("xyz", "a") == [0, 0, 0]


def test_long_texts_find_their_like_too() -> None:
    letters = "".join(Random(1).choices("abcdefghij", k=2000))
    assert aligned(letters, letters) == list(range(2000))
    longer = letters[:500] + "55" + letters[500:1500] + "5" + letters[1500:]
    assert aligned(longer, letters)[-500:] == list(range(1500, 2000))
    assert aligned(letters, longer)[-500:] == list(range(1503, 2003))


@given(st.text("abc", max_size=900), st.text("abcd", min_size=1, max_size=900))
def test_likes_go_from_left_to_right_within_the_other_text(one: str, other: str) -> None:
    indexes = aligned(one, other)
    assert len(indexes) == len(one)
    assert all(0 <= index < len(other) for index in indexes)
    assert indexes == sorted(indexes)
