"""Sung words to phrases: what stands on the screen together, and from when to when. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from libs.contracts.analysis import Word
from libs.type.coverage import drawable, is_writable
from libs.type.faces import Role
from services.generator.builtin.type.raster import clusters

LINGER_S = 1.1
"""How long a phrase stays after its last word, if nothing follows."""
LEAVE_S = 0.3
CLEAR_S = 0.1
"""The frame is clear for so long before the next phrase, if there is time."""
LEAST_S = 0.35
"""A phrase stays at least so long after its last word has begun, whatever follows."""
LONGEST = 24
"""Letters of a word that are drawn; the rest of a longer one is left out."""
CLOSE_S = 1.6
"""A shorter pause doesn't part phrases."""
PIECE = 4
"""Letters of scripts without spaces that stay together."""
_KANA = re.compile("[\u3041-\u309f]")
_WORDS = re.compile("[^\u3041-\u309f]*[\u3041-\u309f]+|[^\u3041-\u309f]+")
"""Whatever comes before a run of hiragana, with it."""
_NO_START = frozenset("、。，．！？」』）】〉》ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々…!?,.)”’")


@dataclass(frozen=True)
class Sung:
    """A word, or a piece of one in scripts without spaces. Times in seconds of the song."""

    text: str
    start: float
    end: float
    spaced: bool = True
    """A space stands before it."""


@dataclass(frozen=True)
class Phrase:
    """Words that are seen together, whole `rows` of a `Turn`."""

    words: tuple[Sung, ...]
    start: float
    leave: float
    """When it begins to go; it is gone `LEAVE_S` later, or at `end`."""
    end: float


Run: TypeAlias = tuple[Phrase, ...]
"""Phrases without a pause between them."""


def sung_lines(words: Sequence[Word], role: Role) -> list[list[Sung]]:
    """The lines of the lyrics as far as their words have times and a face; words of symbols alone are left out."""
    lines = []
    for _, line in groupby(words, key=lambda word: word.line):
        found = [part for word in line for part in _parts(word, role)]
        if found:
            lines.append(found)
    return lines


def _parts(word: Word, role: Role) -> list[Sung]:
    if not (math.isfinite(word.start) and math.isfinite(word.end)):
        return []
    shown = drawable(word.text)
    if not is_writable(shown):
        return []
    texts = _pieces(shown) if _is_unspaced(shown) else [_cut(shown)]
    letters = sum(len(text) for text in texts)
    found: list[Sung] = []
    at = 0
    long = max(word.end - word.start, 0.05)
    for text in texts:
        start = word.start + long * at / letters
        at += len(text)
        found.append(Sung(text, start, word.start + long * at / letters, spaced=not found))
    return found


def _cut(text: str) -> str:
    letters = clusters(text)
    return text if len(letters) <= LONGEST else "".join(letters[:LONGEST])


def _is_unspaced(text: str) -> bool:
    wide = sum(unicodedata.east_asian_width(char) in "WF" and not _is_hangul(char) for char in text)
    return wide > PIECE


def _is_hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3"


def _pieces(text: str) -> list[str]:
    """Japanese at the ends of its particles and endings, other text in about equal pieces.

    None begins with what must not begin a row.
    """
    words = _WORDS.findall(text) if _KANA.search(text) else [text]
    parts = [part for word in words for part in _halved(word)]
    found: list[str] = []
    for part in parts:
        rest = part
        while found and rest and rest[0] in _NO_START:
            found[-1] += rest[0]
            rest = rest[1:]
        if rest:
            found.append(rest)
    return found


def _halved(text: str) -> list[str]:
    """Equal pieces of at most twice `PIECE` letters, or the text itself."""
    if len(text) <= 2 * PIECE:
        return [text]
    count = math.ceil(len(text) / PIECE)
    return [text[len(text) * index // count : len(text) * (index + 1) // count] for index in range(count)]


def phrases(turns: Sequence[Sequence[Sung]]) -> list[Phrase]:
    """Turns of words with their times on the screen; none overlaps the next one."""
    ordered = sorted((turn for turn in turns if turn), key=lambda turn: turn[0].start)
    found = []
    for index, turn in enumerate(ordered):
        last = max(word.end for word in turn)
        after = ordered[index + 1][0].start if index + 1 < len(ordered) else math.inf
        leave = min(last + LINGER_S, after - CLEAR_S - LEAVE_S)
        leave = max(leave, min(turn[-1].start + LEAST_S, after - LEAVE_S / 2))
        leave = max(leave, turn[0].start)
        end = min(leave + LEAVE_S, max(after, leave))
        found.append(Phrase(tuple(turn), turn[0].start, leave, end))
    return found


def runs(found: Sequence[Phrase]) -> list[Run]:
    """Phrases that follow each other closely, so that what is behind them can stay as it is."""
    groups: list[list[Phrase]] = []
    for phrase in found:
        if groups and phrase.start - groups[-1][-1].leave < CLOSE_S:
            groups[-1].append(phrase)
        else:
            groups.append([phrase])
    return [tuple(group) for group in groups]


def around(lines: Sequence[list[Sung]], start: float, end: float) -> list[list[Sung]]:
    """The lines that are sung within a time, and those around them, which say when they come and go."""
    ordered = sorted(lines, key=lambda line: line[0].start)
    within = [
        index
        for index, line in enumerate(ordered)
        if line[0].start < end and max(word.end for word in line) > start
    ]
    after = sum(line[0].start < start for line in ordered)
    first, last = (within[0], within[-1] + 1) if within else (after, after)
    return ordered[max(first - 2, 0) : last + 2]


def at(found: Sequence[Phrase], time: float, ahead: float = 0.0) -> Phrase | None:
    """The phrase that is seen at a time, or begins within `ahead` seconds."""
    for index, phrase in enumerate(found):
        before = found[index - 1].end if index else -math.inf
        if max(phrase.start - ahead, before) <= time < phrase.end:
            return phrase
    return None
