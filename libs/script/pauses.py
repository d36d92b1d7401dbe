"""How long a voice is silent, and how long it speaks: by the text alone, before anything is spoken. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Protocol

SENTENCE_PAUSE_S = 0.35
"""Between two sentences of a paragraph."""
PARAGRAPH_PAUSE_S = 0.8
"""Between two paragraphs, instead of the pause between sentences."""


class Paused(Protocol):
    """A sentence, as far as its time is concerned."""

    @property
    def text(self) -> str:
        """What is said."""
        ...

    @property
    def paragraph(self) -> int:
        """Counted from 0."""
        ...

    @property
    def pause_s(self) -> float:
        """Asked for after it, besides the usual pause."""
        ...


def speech_s(text: str) -> float:
    """About how long a voice speaks a text at its own pace, in seconds; within a quarter or so."""
    return sum(letter_s(char) for char in text)


def letter_s(char: str) -> float:
    """The share that a character has in it: as a voice spoke it on average."""
    if char.isdigit():
        return 0.34
    if char < "\u0530":
        return 0.055 if char < "\u0370" else 0.065
    if unicodedata.combining(char):
        return 0.0
    if "\u3041" <= char <= "\u30ff":
        return 0.13
    if "\uac00" <= char <= "\ud7a3":
        return 0.17
    return 0.22 if unicodedata.east_asian_width(char) == "W" else 0.085


def pause_after(sentences: Sequence[Paused], index: int) -> float:
    """Seconds of silence after a sentence; none is added after the last one."""
    one = sentences[index]
    if index + 1 == len(sentences):
        return one.pause_s
    usual = SENTENCE_PAUSE_S if sentences[index + 1].paragraph == one.paragraph else PARAGRAPH_PAUSE_S
    return usual + one.pause_s
