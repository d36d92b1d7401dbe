"""What is written large: titles without what labels add, hooks that the choruses come back to."""

from __future__ import annotations

import pytest

from services.planner.words import LONGEST_HOOK, LONGEST_TITLE, hook_text, known_words, title_text
from tests.unit.planner.songs import song, steady, sung

HEARD = song(60.0, steady(120.0, 60.0), sections=[("verse", 0.0, 0), ("chorus", 30.0, 1)])
VERSE = [(2.0, "the river the river the river"), (8.0, "morning light is falling on the river")]
CHORUS = [
    (31.0, "Run away with me tonight"),
    (36.0, "we will never be alone"),
    (41.0, "run away with me, tonight!"),
]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Morning Light", "Morning Light"),
        (" Morning\tLight ", "Morning Light"),
        ("Morning Light (feat. Ann) [Official Video]", "Morning Light"),
        ("Morning Light - 2011 Remaster", "Morning Light"),
        ("Morning (Part II)", "Morning (Part II)"),
        ("(Live)", "(Live)"),
        ("A Very Long Title About the River and the Sea", "A Very Long Title About the River and"),
        ("x" * 60, ""),
        ("???", ""),
        ("", ""),
        ("Люди", "Люди"),
    ],
)
def test_titles(title: str, text: str) -> None:
    assert title_text(title) == text
    assert len(title_text(title)) <= LONGEST_TITLE


def test_the_hook_is_what_the_chorus_repeats() -> None:
    assert hook_text(sung(HEARD, VERSE + CHORUS), "Something Else") == "Run away"


def test_a_hook_neither_begins_nor_ends_in_a_slight_word() -> None:
    heard = sung(HEARD, [(31.0, "in the night"), (36.0, "in the night"), (41.0, "in the")])
    assert hook_text(heard, "") == "night"


def test_guessed_times_do_not_say_where_the_chorus_is() -> None:
    heard = sung(HEARD, VERSE + CHORUS, confidence=0.2)
    assert known_words(heard) == ()
    assert hook_text(heard, "") == "river"


def test_without_a_refrain_the_title_gives_the_hook() -> None:
    assert hook_text(HEARD, "Morning Light") == "Morning Light"
    assert hook_text(sung(HEARD, [(31.0, "all things once")]), "The Sound of the Falling Rain") == "Falling Rain"
    assert hook_text(HEARD, "") == ""
    assert hook_text(HEARD, "1234") == ""


def test_hooks_are_short() -> None:
    long = "incomprehensibilities notwithstanding"
    assert len(hook_text(sung(HEARD, [(31.0, long), (36.0, long)]), "")) <= LONGEST_HOOK


def test_other_scripts_have_hooks_too() -> None:
    heard = sung(HEARD, [(31.0, "вечерний свет"), (36.0, "вечерний свет"), (41.0, "и тишина")])
    assert hook_text(heard, "") == "вечерний свет"
