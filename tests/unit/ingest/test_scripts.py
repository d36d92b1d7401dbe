"""Scripts as they are sent: what is taken, what is refused, and the seed that lasts."""

import asyncio

import pytest

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions
from libs.contracts.scripts import MAX_PROMPTS, MAX_SCRIPT_CHARS, Script
from services.ingest import scripts
from services.ingest.scripts import name_of, script_in, script_of, with_lasting_seed


def expected(text: str, speed: float = 1.0) -> float:
    return asyncio.run(scripts.expected(script_of(text), speed)).seconds


def refused(code: str, *parts: bytes) -> None:
    with pytest.raises(Permanent) as caught:
        script_in(*parts)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        (b"", ()),
        (b'["a sea", "", " a ship "]', ("a sea", "", "a ship")),
        (b"a sea\r\n\r\n  a ship\n", ("a sea", "", "a ship")),
        (b"[]", ()),
        ("\ufeffein Fluß".encode(), ("ein Fluß",)),
    ],
)
def test_prompts_are_an_array_or_one_a_line(prompts: bytes, expected: tuple[str, ...]) -> None:
    assert script_in(b"Hello.", prompts).prompts == expected


def test_a_script_is_kept_as_it_was_sent() -> None:
    assert script_in("\ufeffOne.\r\n\n<b>Two</b>".encode()).text == "One.\r\n\n<b>Two</b>"


@pytest.mark.parametrize(
    ("language", "expected"), [("", ""), (" de ", "de"), ("de-AT", "de"), ("EN_us", "en"), ("yue", "yue")]
)
def test_languages_are_codes(language: str, expected: str) -> None:
    assert script_of("Hello.", language=language).language == expected


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("bad_script", (b"\xff\xfeA",)),
        ("bad_script", (b"a" * (MAX_SCRIPT_CHARS + 1),)),
        ("bad_options", (b"A.", b'["a", 1]')),
        ("bad_options", (b"A.", b"[")),
        ("bad_options", (b"A.", b"\xff")),
        ("bad_options", (b"A.", b'["a\\u0007"]')),
        ("bad_options", (b"A.", b"x" * 4001)),
        ("bad_options", (b"A.", b"x\n" * (MAX_PROMPTS + 1))),
        ("bad_options", (b"A.", b"", b"German")),
        ("bad_options", (b"A.", b"", b"\xff")),
    ],
)
def test_what_can_not_be_read_is_refused(code: str, parts: tuple[bytes, ...]) -> None:
    refused(code, *parts)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "script_empty"),
        (" \n\t", "script_empty"),
        ("\U0001f600 \U0001f680", "script_empty"),
        ("<p> </p>", "script_empty"),
        ("word " * 10_000, "script_too_long"),
    ],
)
def test_what_comes_to_no_narration_is_refused(text: str, code: str) -> None:
    with pytest.raises(Permanent) as caught:
        expected(text)
    assert caught.value.code == code


def test_how_long_it_takes_is_guessed() -> None:
    assert 0.1 < expected("Hello.") < 2
    minute = "The quick brown fox jumps over the lazy dog near the river. " * 14
    assert 30 < expected(minute) < 90
    assert expected(minute, 2.0) < 0.7 * expected(minute)


def test_the_estimate_leaves_the_last_word_to_the_voice() -> None:
    """A script of about 15 minutes may turn out shorter than its estimate."""
    minute = "The quick brown fox jumps over the lazy dog near the river. "
    some = 16 * 60 / expected(minute * 20) * 20
    assert expected(minute * int(some)) > 15 * 60


def test_the_seed_is_of_what_stays_when_a_sentence_is_mended() -> None:
    options = [
        JobOptions(),
        JobOptions(prompt="a sea"),
        JobOptions(title="a sea"),
        JobOptions(style="noir"),
    ]
    seeds = {with_lasting_seed(one).seed for one in options} | {with_lasting_seed(JobOptions(), "a sea").seed}
    assert len(seeds) == 5
    assert with_lasting_seed(JobOptions()) == with_lasting_seed(JobOptions())
    assert with_lasting_seed(JobOptions(speed=1.2, height=720)).seed == with_lasting_seed(JobOptions()).seed
    assert with_lasting_seed(JobOptions(seed=0)).seed == 0


@pytest.mark.parametrize(
    ("named", "text", "expected"),
    [
        (("A Title", "a caption"), "Text.", "A Title"),
        (("", "Out now\n#new"), "Text.", "Out now"),
        (("", ""), "\n\n  The 1/2 of it. More.", "The 1 2 of it. More"),
        (("", ""), "\u202e\n", "script"),
        (("", ""), "word " * 100, ("word " * 12).strip()),
    ],
)
def test_what_is_told_has_a_name(named: tuple[str, ...], text: str, expected: str) -> None:
    assert name_of(Script(text=text), named) == expected
