"""Captions that light up with the voice: which words stand together, in which rows, and when each is lit. Pure.

All times are whole frames, taken from each sentence's own slot: a sentence that moves by whole frames keeps its
captions to the frame.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from math import ceil
from typing import NamedTuple

from libs.contracts.scripts import Narration, Sentence
from libs.contracts.storyboard import Scene
from libs.type.coverage import drawable
from services.composer.type_width import Setting

LINGER_SECONDS = Fraction(6, 10)
"""How long a caption stays after its last word, if nothing follows."""
HOLD_SECONDS = Fraction(25, 100)
"""How long a word stays lit after its end, if the next isn't said yet."""
MAX_ROWS = 2

Rows = tuple[tuple["Lit", ...], ...]


class Lit(NamedTuple):
    """A word, or a part of one that is wider than a row. It is lit in frames start (included) to end (excluded)."""

    text: str
    gap: str
    """What parts it from the one before: a space or nothing."""
    start: int
    end: int
    said: int
    """The frame by which it has been said; it stays lit a little longer."""
    number: int
    """Of the word in the narration, from 0."""


class LitCaption(NamedTuple):
    """Rows of words that are shown in frames start (included) to end (excluded)."""

    start: int
    end: int
    rows: Rows
    rightward: bool
    """Whether its sentence is read from left to right."""


def lit_captions(
    narration: Narration, lines: Sequence[int], fps: Fraction, scenes: Sequence[Scene], setting: Setting
) -> list[LitCaption]:
    """The captions of a narration, in order; no two overlap, and none outlasts the scene in which it ends.

    lines: for each word the number of the caption that it belongs to. Long ones are shown in turns.
    """
    made: list[LitCaption] = []
    number = 0
    for sentence in narration.sentences:
        words = _words(sentence, number, fps)
        own = lines[number : number + len(words)]
        number += len(words)
        rightward = reads_rightward(sentence.text)
        grouped = groupby(zip(own, words, strict=False), key=lambda pair: pair[0])
        for _, pairs in grouped:
            shown = [word for _, word in pairs if word.text]
            for rows in turns(shown, setting):
                flat = [word for row in rows for word in row]
                end = max(word.end for word in flat) + round(LINGER_SECONDS * fps)
                made.append(LitCaption(flat[0].start, end, rows, rightward))
    return list(_in_scenes(_one_at_a_time(made), scenes))


def _words(sentence: Sentence, number: int, fps: Fraction) -> list[Lit]:
    """The words of a sentence as they can be drawn, each lit until the next, or until shortly after its end."""
    starts = [sentence.start_frame + round(Fraction(word.start) * fps) for word in sentence.words]
    slot_end = sentence.start_frame + sentence.frames
    found = []
    for index, (word, gap) in enumerate(zip(sentence.words, gaps(sentence), strict=True)):
        after = starts[index + 1] if index + 1 < len(starts) else slot_end
        held = sentence.start_frame + round((Fraction(word.end) + HOLD_SECONDS) * fps)
        end = max(min(after, held), starts[index] + 1)
        said = sentence.start_frame + ceil(Fraction(word.end) * fps)
        found.append(Lit(drawable(word.text), gap, starts[index], end, min(said, end), number + index))
    return found


def gaps(sentence: Sentence) -> list[str]:
    """What parts each word from the one before it, as the sentence is written: a space or nothing."""
    found, at = [], 0
    for word in sentence.words:
        place = sentence.text.find(word.text, at)
        if place < 0:
            found.append(" ")
            continue
        found.append(" " if any(char.isspace() for char in sentence.text[at:place]) else "")
        at = place + len(word.text)
    return found


def turns(words: Sequence[Lit], setting: Setting) -> list[Rows]:
    """A caption's words in turns of at most two rows, all about equally long."""
    pieces = [piece for word in words for piece in _broken(word, setting)]
    if not pieces:
        return []
    count = len(_filled(pieces, setting.room, setting))
    if count > MAX_ROWS:
        count += count % MAX_ROWS
    low, high = 0.0, setting.room
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(pieces, middle, setting)) <= count else (middle, high)
    rows = [tuple(row) for row in _filled(pieces, high, setting)]
    return [tuple(rows[at : at + MAX_ROWS]) for at in range(0, len(rows), MAX_ROWS)]


def _filled(words: Sequence[Lit], room: float, setting: Setting) -> list[list[Lit]]:
    """Rows filled one after the other, up to `room` pixels."""
    rows: list[list[Lit]] = []
    used = 0.0
    for word in words:
        wide = setting.width(word.text)
        gap = setting.width(word.gap) if word.gap else 0.0
        if rows and used + gap + wide <= room:
            rows[-1].append(word)
            used += gap + wide
        else:
            rows.append([word])
            used = wide
    return rows


def _broken(word: Lit, setting: Setting) -> list[Lit]:
    """A word that is wider than a row in parts that are not; each is lit for its share of the time."""
    if setting.width(word.text) <= setting.room:
        return [word]
    parts = [""]
    for char in word.text:
        if parts[-1] and not unicodedata.combining(char) and setting.width(parts[-1] + char) > setting.room:
            parts.append("")
        parts[-1] += char
    edges = [word.start]
    for part in parts:
        share = (word.end - word.start) * len(part) / len(word.text)
        edges.append(max(edges[-1] + 1, round(edges[-1] + share)))
    return [
        Lit(part, "" if index else word.gap, edges[index], edges[index + 1], edges[index + 1], word.number)
        for index, part in enumerate(parts)
    ]


def _one_at_a_time(made: Sequence[LitCaption]) -> list[LitCaption]:
    """None is still shown when the next one begins."""
    ends = [min(one.end, after.start) for one, after in pairwise(made)] + [one.end for one in made[-1:]]
    return [one._replace(end=end) for one, end in zip(made, ends, strict=True) if end > one.start]


def _in_scenes(made: Sequence[LitCaption], scenes: Sequence[Scene]) -> Iterator[LitCaption]:
    """Captions end where the scene of their last words begins to change, unless a word is still being said; those
    of scenes that have the words in their picture, or show none, are left out."""
    at = 0
    for one in made:
        while at + 1 < len(scenes) and scenes[at].end_frame <= one.start:
            at += 1
        if not scenes or scenes[at].lyrics == "captions":
            yield one._replace(end=_ending(one, scenes[at:]))


def _ending(one: LitCaption, scenes: Sequence[Scene]) -> int:
    """Where a caption ends that begins in the first of these scenes."""
    said = max(word.said for row in one.rows for word in row)
    for index, scene in enumerate(scenes):
        if scene.end_frame >= said:
            half = scenes[index + 1].transition.overlap // 2 if index + 1 < len(scenes) else 0
            return min(one.end, max(scene.end_frame - half, said))
    return one.end


def reads_rightward(text: str) -> bool:
    """False for a text most of whose letters are Hebrew, Arabic or of a like script."""
    ways = [unicodedata.bidirectional(char) for char in text]
    return sum(way == "L" for way in ways) >= sum(way in ("R", "AL") for way in ways)
