"""Words as captions show them, and what a voice can say of them. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

_EAST = "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u30ff\uff66-\uff9f"
_SOUTH_EAST = "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff"
_WIDE_MARKS = "\u3001-\u3003\u3008-\u3020\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
_UNSPACED = f"{_EAST}{_KANA}{_SOUTH_EAST}{_WIDE_MARKS}"

_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_STRETCHES = re.compile(f"[0-9.,]*[{_UNSPACED}][{_UNSPACED}0-9…‥“”‘’.,%\\u200b\\u0300-\\u036f]*|[^{_UNSPACED}]+")
_HAS_KANA = re.compile(f"[{_KANA}]")
_JAPANESE = re.compile("[^\u3041-\u309f]*[\u3041-\u309f]+|[^\u3041-\u309f]+")
"""Whatever comes before a run of hiragana, with it: a word and its ending."""
_LETTER = re.compile(
    "[\u0e40-\u0e44\u0ec0-\u0ec4]?."
    "(?:[\u0e30-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u1056-\u1060\u17b6-\u17d1\u17d3\u17dd"
    "\u0300-\u036f\u3099\u309aー々ゝゞヽヾ\uff9e\uff9f]|[\u1039\u17d2].)*",
    re.DOTALL,
)
"""A letter with all that is written on, before and below it."""
_NO_START = frozenset("、。，．！？：；）」』】》〉ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮー々…‥・!?,.:;)]”’%»")
_NO_END = frozenset("（「『【《〈([“‘«")
_RUN = 4
"""Letters of writing without spaces that stand together, up to twice as many."""

_MARKS = frozenset(".,;:!?…‥'\"“”„‘’«»‹›()[]{}-–—―·|/、。！？「」『』（）،؛؟।॥۔։")
"""Marks that are no words where they stand alone."""
_BEFORE = frozenset("«‹“„‘([{¿¡「『（")

_EMOJI = re.compile(
    "[\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u2600-\u26ff\u3030\u303d\U0001f000-\U0001faff"
    "\ufe0e\ufe0f\u20e3]|(?<=[\u2190-\u2bff\U0001f000-\U0001faff\ufe0f])\u200d"
)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a sentence. Where writing has no spaces (Chinese, Japanese, Thai, Khmer, ...) short runs of
    letters; `parted` tells where a space stands. Marks that stand alone go with the word before or after, behind a
    space that doesn't break."""
    found: list[str] = []
    ahead = ""
    for token in text.split():
        if not _is_mark(token):
            found.append(ahead + token)
            ahead = ""
        elif found and not (token[0] in _BEFORE and not ahead):
            found[-1] += f"\u00a0{token}"
        else:
            ahead += f"{token}\u00a0"
    if ahead:
        found.append(ahead.rstrip("\u00a0"))
    return tuple(run for word in found for run in _runs(word))


def parted(before: str, after: str) -> bool:
    """Whether a space stands between two words that follow each other."""
    one, other = before[-1:], after[:1]
    if _IS_UNSPACED.match(one):
        return _is_latin(other)
    return not _IS_UNSPACED.match(other) or _is_latin(one)


def joined(words: Iterable[str]) -> str:
    """The text of words that follow each other."""
    text = ""
    for word in words:
        text += f" {word}" if text and parted(text, word) else word
    return text


def is_sayable(text: str) -> bool:
    """Whether there is a letter or a digit in it."""
    return any(unicodedata.category(char)[0] in "LN" for char in text)


def sayable(text: str) -> str:
    """The text as it is given to a voice: without emoji and arrows, which some would read out by name."""
    return " ".join(_EMOJI.sub(" ", text).split())


def _is_mark(token: str) -> bool:
    return all(char in _MARKS for char in token)


def _is_latin(char: str) -> bool:
    return char.isalpha() and char < "\u0250"


def _runs(word: str) -> list[str]:
    if not _IS_UNSPACED.search(word):
        return [word]
    found: list[str] = []
    for stretch in _STRETCHES.findall(word):
        found.extend(_pieces(stretch) if _IS_UNSPACED.search(stretch) else [stretch])
    return _bound(found)


def _pieces(text: str) -> list[str]:
    """Japanese at the ends of its words, other writing where it says so, else in about equal runs."""
    pieces: list[str] = []
    for part in text.split("\u200b"):
        for word in _JAPANESE.findall(part) if _HAS_KANA.search(part) else [part]:
            letters = _LETTER.findall(word)
            count = -(-len(letters) // _RUN) if len(letters) > 2 * _RUN else 1
            cuts = [len(letters) * index // count for index in range(count + 1)]
            pieces.extend("".join(letters[a:b]) for a, b in pairwise(cuts))
    return [piece for piece in pieces if piece]


def _bound(pieces: Sequence[str]) -> list[str]:
    """None begins with what must not begin a row, or ends with what must not end one."""
    found: list[str] = []
    ahead = ""
    for piece in pieces:
        rest = ahead + piece
        ahead = ""
        while found and rest and rest[0] in _NO_START:
            found[-1] += rest[0]
            rest = rest[1:]
        while rest and rest[-1] in _NO_END:
            ahead = rest[-1] + ahead
            rest = rest[:-1]
        if rest:
            found.append(rest)
    if ahead:
        found.append(ahead)
    return found
