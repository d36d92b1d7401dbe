"""SSML and HTML: what of it is heard, and what only looks like it."""

import pytest

from libs.contracts.errors import Permanent
from libs.script.reading import read_script


def _read(text: str) -> list[tuple[str, int, float]]:
    return [(one.text, one.paragraph, one.pause_s) for one in read_script(text, "en").sentences]


def _texts(text: str) -> list[str]:
    return [one.text for one in read_script(text, "en").sentences]


def test_ssml_keeps_its_pauses() -> None:
    script = """<?xml version="1.0"?>
        <speak version="1.1" xml:lang="en-US">
          <p><s>First
             here.</s><s>Second <break time="1.5s"/> goes on</s></p>
          <!-- nothing of <this> -->
          <p>Third.<break strength="x-strong"/></p><p>Fourth<break time="250ms"/> and <break/>last.</p>
        </speak>"""
    assert _read(script) == [
        ("First here.", 0, 0.0),
        ("Second", 0, 1.15),
        ("goes on", 0, 0.0),
        ("Third.", 1, 0.4),
        ("Fourth and", 2, 0.0),
        ("last.", 2, 0.0),
    ]


def test_what_stands_behind_a_pause_and_ends_the_sentence_goes_back() -> None:
    assert _read('Hello<break time="1s"/>! And then.') == [("Hello!", 0, 0.65), ("And then.", 0, 0.0)]


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ('time="2s"', 2.0),
        ("time='750ms'", 0.75),
        ('time="99999s"', 10.0),
        ('time="-3s"', 0.35),
        ('time="soon"', 0.35),
        ('strength="strong"', 0.7),
        ("", 0.35),
    ],
)
def test_pauses(asked: str, seconds: float) -> None:
    first, _ = read_script(f"One <break {asked}/> two.", "en").sentences
    assert first.pause_s == pytest.approx(seconds - 0.35)


def test_short_pauses_part_nothing() -> None:
    assert _texts('One <break time="100ms"/>two <break strength="none"/>three.') == ["One two three."]


def test_pauses_add_up_to_ten_seconds() -> None:
    assert _read('One.<break time="9s"/><break time="9s"/>\n\nTwo.') == [("One.", 0, 9.2), ("Two.", 1, 0.0)]


def test_html() -> None:
    script = """<!DOCTYPE html><html><head><title>No</title><style>p { color: red }</style></head><body>
        <h1>The <em>Title</em></h1><script>alert("<b>no</b>")</script>
        <p>Fish &amp; chips cost &lt; 5&nbsp;&euro;,
        they say.<br>Really<br/><br/>Yes.</p><ul><li>One</li><li>Two</ul>
        <img src=x onerror="alert(1)" alt="no"> H<sub>2</sub>O is <a href="http://x/?a>b">wet</a>.
        <del>gone</del><ruby>漢<rp>(</rp><rt>no</rt><rp>)</rp></ruby></body></html>"""
    assert [text for text, _, _ in _read(script)] == [
        "The Title",
        "Fish & chips cost < 5 €, they say.",
        "Really",
        "Yes.",
        "One",
        "Two",
        "H2O is wet.",
        "漢",
    ]
    assert [paragraph for _, paragraph, _ in _read(script)] == [0, 1, 1, 2, 3, 3, 4, 4]


@pytest.mark.parametrize(
    "text",
    [
        "If a < b and c > d, I <3 you.",
        "A List<String> is <your name here>.",
        "Is x<y or y>z?",
        "One <- two -> three.",
        "Tom & Jerry, R&D, &nothing; &copy",
        "a<b and c>d",
    ],
)
def test_what_is_no_markup_survives(text: str) -> None:
    assert _texts(text) == [text]
    assert read_script(text).notices == ()


def test_line_ends_mean_something_beside_single_tags() -> None:
    assert _texts("Eggs\nMilk <b>now</b>\nBread") == ["Eggs", "Milk now", "Bread"]


def test_tags_that_would_be_heard_are_told() -> None:
    script = (
        '<speak>It is <prosody rate="slow">slow</prosody>, <amazon:effect name="x">psst</amazon:effect></speak>'
    )
    reading = read_script(script)
    assert [one.text for one in reading.sentences] == ["It is slow, psst"]
    assert [notice.code for notice in reading.notices] == ["markup_removed"]
    assert "amazon:effect, prosody" in reading.notices[0].message


def test_an_alias_is_what_is_said() -> None:
    assert _texts('The <sub alias="World Wide Web">WWW</sub> is old.') == ["The World Wide Web is old."]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Hi. <scr<script>ipt>alert(1)</script> Bye.", ["Hi.", "<scr Bye."]),
        ("Hi. <!-- never ends", ["Hi.", "<!-- never ends"]),
        ("Hi. <SCRIPT type='x'>alert(1)</ScRiPt >Bye.", ["Hi.", "Bye."]),
        ("Hi. <style>never ends", ["Hi."]),
        ("Hi. &#60;script&#62;alert&#60;/script&#62;", ["Hi.", "<script>alert</script>"]),
        ("Hi. <![CDATA[1 < 2]]>", ["Hi.", "1 < 2"]),
    ],
)
def test_broken_and_sly_markup(text: str, left: list[str]) -> None:
    assert _texts(text) == left


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "<p></p><br>", "<!-- only this -->", '<break time="3s"/>']
)
def test_markup_alone_is_an_empty_script(text: str) -> None:
    with pytest.raises(Permanent) as raised:
        read_script(text)
    assert raised.value.code == "script_empty"
