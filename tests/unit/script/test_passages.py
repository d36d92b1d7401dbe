"""Which line ends are heard, and what Markdown's marks mean."""

import pytest

from libs.script.passages import passages

PROSE = """It was the best of times, it was the worst of times, it was
the age of wisdom, it was the age of foolishness, it was the
epoch of belief. Then Dr. Manette came back from Paris, and all
of London heard of it."""
VERSE = """Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date;
Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;"""
GERMAN = """Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte,
fand er sich in seinem Bett zu einem ungeheueren Ungeziefer
verwandelt. Er lag auf seinem panzerartig harten Rücken und sah,
wenn er den Kopf ein wenig hob, seinen gewölbten, braunen, von
bogenförmigen Versteifungen geteilten Bauch, auf dessen Höhe sich
die Bettdecke kaum noch halten konnte."""
JAPANESE = """吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当が
つかぬ。何でも薄暗いじめじめした所でニャーニャー泣いていた
事だけは記憶している。"""


def _texts(text: str) -> list[str]:
    return [passage.text for passage in passages(text, marked=False)]


def _paragraphs(text: str) -> list[list[str]]:
    found: list[list[str]] = []
    for passage in passages(text, marked=False):
        if passage.begins:
            found.append([])
        found[-1].append(passage.text)
    return found


@pytest.mark.parametrize("text", [PROSE, GERMAN])
def test_wrapped_prose_runs_on(text: str) -> None:
    assert _texts(text) == [" ".join(text.split())]


def test_wrapped_writing_without_spaces_runs_on() -> None:
    assert _texts(JAPANESE) == [JAPANESE.replace("\n", "")]


def test_narrow_prose_runs_on() -> None:
    text = (
        "Welcome to our show. Today we\nare going to look at how bread\nis made. You need flour, salt and\nwater."
    )
    assert _texts(text) == [text.replace("\n", " ")]


def test_two_lines_are_judged_by_the_width_of_the_rest() -> None:
    text = "He went to see the best doctor in the whole city of London,\nDr. Manette."
    assert len(_texts(f"{PROSE}\n\n{text}")) == 2
    assert len(_texts(text)) == 2


@pytest.mark.parametrize(
    "text",
    [
        VERSE,
        "roses are red\nviolets are blue\nsugar is sweet\nand so are you",
        "Shopping:\nEggs\nMilk\nBread and butter",
        "The Complete Guide to Sourdough Baking at Home\nBy Anna Miller",
        "春が来た\n夏が来た",
        "— Tu viens ?\n— Oui.\n— Bon.",
        "Go.\nNow.\nRun.",
    ],
)
def test_lines_that_are_not_full_stand_alone(text: str) -> None:
    assert _texts(text) == text.split("\n")


def test_an_empty_line_begins_a_paragraph() -> None:
    assert _paragraphs("One.\nTwo.\n \n\n\t\nThree.") == [["One.", "Two."], ["Three."]]


def test_points_of_lists() -> None:
    text = (
        "- one\n- two\n  goes on\n* [x] three\n\n1. First item.\n2. Second item that\n   goes on.\n3) Third\n• Last"
    )
    assert _paragraphs(text) == [
        ["one", "two goes on", "three"],
        ["1. First item.", "2. Second item that goes on.", "3) Third", "Last"],
    ]


def test_a_number_that_begins_a_full_line_is_no_label() -> None:
    text = PROSE.replace("the age of wisdom", "42. the wisdom")
    assert len(_texts(text)) == 1


def test_headings_rules_and_quotes() -> None:
    text = "# The Title #\nText.\n## Part *two*\n\nMore\n====\nText\n***\n> Said\n> she.\n\n```sh\nrun\n```\n[1]: http://x.y"
    assert _paragraphs(text) == [
        ["The Title"],
        ["Text."],
        ["Part two"],
        ["More"],
        ["Text"],
        ["Said", "she."],
        ["run"],
    ]


def test_tables_are_read_row_by_row() -> None:
    assert _texts("| Name | Age |\n|:-----|----:|\n| Ada  | 36  |\n| Bob | |") == ["Name, Age", "Ada, 36", "Bob"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (
            "**Bold** and *soft*, __strong__ and _slight_, ~~struck~~ and ==marked==.",
            "Bold and soft, strong and slight, struck and marked.",
        ),
        ("***Both*** of `them`, ``a b``.", "Both of them, a b."),
        ('See [the *page*](http://x.y/(z) "Title") and [that][1].[^2]', "See the page and that."),
        ("![A picture](a.png) Look!", "Look!"),
        ("At <https://example.com/a> or <me@example.com>.", "At https://example.com/a or me@example.com."),
        (
            "2 * 3 * 4 = 24, a*b*c, snake_case_name, 5 > 4, #hashtag, *footnote",
            "2 * 3 * 4 = 24, a*b*c, snake_case_name, 5 > 4, #hashtag, *footnote",
        ),
        (r"Not \*soft\*, 100\%.", r"Not *soft*, 100\%."),
        ("An array[0] and [brackets].", "An array[0] and [brackets]."),
    ],
)
def test_marks_within_a_line(text: str, read: str) -> None:
    assert _texts(text) == [read]


def test_the_line_ends_of_markup_mean_nothing() -> None:
    assert [one.text for one in passages("# a\n\n- b\n", marked=True)] == ["# a - b"]


def test_long_lines_are_paragraphs() -> None:
    long = "It was the best of times, it was the worst of times, and so on for quite a while. " * 3
    assert _paragraphs(f"{long}\n{long}\nShort.\nToo.") == [[long.strip()], [long.strip()], ["Short.", "Too."]]
