"""Written forms as people say them, and which written word each spoken one belongs to."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest

from services.generator.voice.spoken_forms import spoken_form

ENGLISH = {
    "$12.50": "12 dollars 50",
    "$3.05": "3 dollars and 5 cents",
    "$0.99": "99 cents",
    "$0.01": "1 cent",
    "$1": "1 dollar",
    "$12.00,": "12 dollars,",
    "-$5": "-5 dollars",
    "($1,200.50)": "(1,200 dollars 50)",
    "$1.2 million": "1.2 million dollars",
    "$5bn": "5 billion dollars",
    "$10-$20": "10 to 20 dollars",
    "€5": "5 euros",
    "5 €": "5 euros",
    "£3.99": "3 pounds 99",
    "¥500": "500 yen",
    "US$ 20": "20 dollars",
    "5 km": "5 kilometers",
    "1 kg": "1 kilogram",
    "5-10 km": "5 to 10 kilometers",
    "a 5-km run": "a 5 kilometer run",
    "-5°C": "-5 degrees Celsius",
    "60 mph.": "60 miles per hour.",
    "3:00 pm": "3 pm",
    "at 3:00.": "at 3 o'clock.",
    "9:05": "9 oh 5",
    "10–20": "10 to 20",
    "1990-1995": "1990 to 1995",
    "50-50": "50 50",
    "555-1234": "5 5 5, 1 2 3 4",
    "10 x 20 x 5": "10 by 20 by 5",
    "#1 and #fun": "number 1 and hashtag fun",
    "a vs. b": "a versus b",
    "No. 5": "number 5",
    "Prof. Lee": "Professor Lee",
    "(see https://www.example.com/a?b=1).": "(see example.com).",
}
WELL_SAID = (
    "50%",
    "3:30 pm",
    "in 1999",
    "the 1990s",
    "R&D",
    "salt & pepper",
    "@name",
    "e.g. this",
    "i.e. this",
    "etc.",
    "1st, 2nd and 21st",
    "me@example.com",
    "example.com",
    "Dr. Smith",
    "Mr. and Mrs. Brown",
    "St. John",
    "2024-05-01",
    "1:02:03",
    "F-16",
    "C#",
    "10m views",
    "5G",
    "No. I said so.",
    "9/11",
    "1.2.3",
)


@pytest.mark.parametrize(("written", "spoken"), ENGLISH.items())
def test_english_is_said_as_people_say_it(written: str, spoken: str) -> None:
    assert spoken_form(written, "en").text == spoken


@pytest.mark.parametrize("written", WELL_SAID)
def test_what_espeak_says_well_is_left_alone(written: str) -> None:
    form = spoken_form(written, "en")
    assert form.text == written
    assert form.origins == tuple(range(len(written)))


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("de", "12,50 €", "12 Euro 50"),
        ("de", "1.200 €", "1.200 Euro"),
        ("de", "1,2 Mio. €", "1,2 Millionen Euro"),
        ("de", "12 °C", "12 Grad Celsius"),
        ("de", "um 15:30 Uhr", "um 15 Uhr 30"),
        ("de", "um 15:00 Uhr", "um 15 Uhr"),
        ("de", "10-20", "10 bis 20"),
        ("de", "z. B. dies usw.", "zum Beispiel dies und so weiter."),
        ("de", "Nr. 5", "Nummer 5"),
        ("de", "me@example.de", "me@example Punkt de"),
        ("fr", "12,50 €", "12 euros 50"),
        ("fr", "1,2 million €", "1,2 million d'euros"),
        ("fr", "2 millions $", "2 millions de dollars"),
        ("fr", "10-20", "10 à 20"),
        ("fr", "5 km", "5 km"),
        ("fr", "M. Dupont, J. M. Dupont", "Monsieur Dupont, J. M. Dupont"),
        ("fr", "n° 5", "numéro 5"),
        ("es", "12,50 €", "12 euros con 50"),
        ("es", "1,2 millones €", "1,2 millones de euros"),
        ("es", "sal & pimienta", "sal y pimienta"),
        ("es", "p. ej. esto", "por ejemplo esto"),
        ("es", "100 km/h", "100 kilómetros por hora"),
        ("tr", "$12.50 ve 5 km", "$12.50 ve 5 km"),
    ],
)
def test_other_languages_have_their_own_words(language: str, written: str, spoken: str) -> None:
    assert spoken_form(written, language).text == spoken


@pytest.mark.parametrize(
    ("written", "language", "shares"),
    [
        ("pay $12.50 now", "en", ["pay", "12 dollars 50", "now"]),
        ("pay $1.2 million now", "en", ["pay", "1.2", "million dollars", "now"]),
        ("pay US$ 20 now", "en", ["pay", "20", "dollars", "now"]),
        ("run 5-10 km/h now", "en", ["run", "5 to 10", "kilometers per hour", "now"]),
        ("a 10 x 20 b", "en", ["a", "10", "by", "20", "b"]),
        ("nur 12,50 € heute", "de", ["nur", "12 Euro", "50", "heute"]),
        ("um 15:30 Uhr", "de", ["um", "15 Uhr", "30"]),
        ("nur 1,2 Mio. € heute", "de", ["nur", "1,2", "Millionen", "Euro", "heute"]),
        ("so z. B. dies", "de", ["so", "zum", "Beispiel", "dies"]),
    ],
)
def test_each_written_word_has_its_spoken_ones(written: str, language: str, shares: list[str]) -> None:
    form = spoken_form(written, language)
    assert len(form.origins) == len(form.text)
    assert all(before <= after for before, after in pairwise(form.origins))
    starts = [match.start() for match in re.finditer(r"\S+", written)]
    said = [
        "".join(
            char
            for char, origin in zip(form.text, form.origins, strict=True)
            if start <= origin < (starts[index + 1] if index + 1 < len(starts) else len(written))
        ).strip()
        for index, start in enumerate(starts)
    ]
    assert said == shares


@pytest.mark.parametrize(
    "piece", ["1,", "1-", "$", "a.", "a@", "www.", "#", "9" * 10, "1 000 ", "$1-", "3:0", "x1"]
)
def test_hostile_text_takes_no_square_of_its_length(piece: str) -> None:
    begun = time.process_time()
    for language in ("en", "de", "fr", "es"):
        spoken_form(piece * (40_000 // len(piece)), language)
    assert time.process_time() - begun < 2
