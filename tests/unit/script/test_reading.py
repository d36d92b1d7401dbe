from libs.script.reading import read_script


def test_sentences_and_paragraphs() -> None:
    reading = read_script("One here. Two here.\n\nThree.")
    assert [(one.text, one.paragraph) for one in reading.sentences] == [
        ("One here.", 0),
        ("Two here.", 0),
        ("Three.", 1),
    ]
