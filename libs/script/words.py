"""Words as captions show them, and what a voice can say of them. Pure."""

from __future__ import annotations

import unicodedata


def words_of(text: str) -> tuple[str, ...]:
    """The words of a sentence. Where writing has no spaces (Chinese, Japanese, Thai, Khmer, ...) short runs of
    letters; `parted` tells where a space stands. Marks that stand alone belong to the word before or after."""
    return tuple(text.split())


def parted(before: str, after: str) -> bool:
    """Whether a space stands between two words that follow each other."""
    return not (_is_unspaced(before[-1:]) or _is_unspaced(after[:1]))


def joined(words: tuple[str, ...]) -> str:
    """The text of words that follow each other."""
    text = ""
    for word in words:
        text += f" {word}" if text and parted(text, word) else word
    return text


def is_sayable(word: str) -> bool:
    """Whether there is a letter or a digit in it."""
    return any(unicodedata.category(char)[0] in "LN" for char in word)


def sayable(text: str) -> str:
    """The text as it is given to a voice: without emoji, which some would read out by name."""
    return " ".join(text.split())


def _is_unspaced(char: str) -> bool:
    return "\u3040" <= char <= "\u30ff" or "\u3400" <= char <= "\u9fff"
