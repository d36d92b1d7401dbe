"""A script as sentences to say, with all that follows from the text alone. For a worker child: long scripts take
a while."""

from __future__ import annotations

from typing import NamedTuple

from libs.contracts.analysis import Notice
from libs.script.caption_lines import caption_lines
from libs.script.pauses import pause_after
from libs.script.reading import read_script
from libs.script.words import sayable, words_of


class Part(NamedTuple):
    """A sentence."""

    text: str
    """As its captions show it."""
    said: str
    """The same as a voice is given it; empty: there is nothing to say."""
    words: tuple[str, ...]
    captions: tuple[int, ...]
    """Of each word: in which of the sentence's captions it stands, from 0."""
    paragraph: int
    pause_s: float
    """After it."""


class Parts(NamedTuple):
    """All that is said."""

    sentences: tuple[Part, ...]
    language: str
    """ISO 639-1: as given, else guessed from the writing."""
    notices: tuple[Notice, ...]


def read_parts(text: str, language: str) -> Parts:
    """Raises Permanent: bad_script, script_empty."""
    reading = read_script(text, language)
    sentences = []
    for index, one in enumerate(reading.sentences):
        words = words_of(one.text)
        captions = tuple(line for line, (start, end) in enumerate(caption_lines(words)) for _ in range(start, end))
        pause = pause_after(reading.sentences, index)
        sentences.append(Part(one.text, sayable(one.text), words, captions, one.paragraph, pause))
    return Parts(tuple(sentences), reading.language, reading.notices)
