"""Which ends of lines are heard: text to passages, within which a line end is just a space. Pure.

A line that was broken since it was full goes on in the next one. It was full if the first word of the next line
would not have fitted; lines of verse and of lists seldom are, all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from libs.script.markdown import Kind, Line, label_of, read_lines, without_marks

NARROWEST = 40
"""Columns that prose is wrapped at, at least."""
WIDEST = 160
"""At most; a longer line is a paragraph."""
_SURE = 3
"""Full lines on end from which alone wrapped prose is known."""
_SLACK = 12
"""What part of the width a full line may lack besides: not everybody wraps alike."""
_ENDED = re.compile(r"[.!?…。！？।॥۔؟։።]['\"”’»)\]」』]*$")
_UNSPACED = re.compile(
    "[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\u0e01-\u0edf\u1000-\u109f\u1780-\u17ff]"
)


class Passage(NamedTuple):
    """Text on one line, of one sentence or more."""

    text: str
    begins: bool
    """A paragraph begins with it."""


def passages(text: str, *, marked: bool) -> list[Passage]:
    """The passages of a text, in order.

    marked: the text was markup, whose line ends mean nothing; it is one passage.
    """
    if marked:
        return [Passage(" ".join(text.split()), begins=True)]
    blocks = _blocks(read_lines(text))
    width = _wrapped_at(blocks)
    found: list[Passage] = []
    for block in blocks:
        before = ""
        for part in _parts(block, width):
            shown = " ".join(without_marks(part).split())
            if shown:
                begins = not before or max(columns(before), columns(shown)) > WIDEST
                found.append(Passage(shown, begins))
                before = shown
    return found


def _blocks(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines between empty lines; a heading is a block of its own."""
    found: list[list[Line]] = [[]]
    for line in lines:
        if line.kind in (Kind.BLANK, Kind.HEADING):
            found.append([])
        if line.kind is not Kind.BLANK and line.text:
            found[-1].append(line)
        if line.kind is Kind.HEADING:
            found.append([])
    return [block for block in found if block]


def _parts(block: Sequence[Line], width: int) -> list[str]:
    """A block's passages: each point of a list, then by whether its lines are full."""
    found: list[str] = []
    for item in _items(block):
        texts = [line.text for line in item]
        listed = item[0].kind is Kind.ITEM or bool(label_of(texts[0]))
        inside = listed and all(line.indent > item[0].indent for line in item[1:])
        if inside or _is_wrapped(texts, width):
            found.append(_run_on(texts))
        else:
            found.extend(texts)
    return found


def _items(block: Sequence[Line]) -> list[list[Line]]:
    labels = sum(bool(label_of(line.text)) for line in block)
    found: list[list[Line]] = []
    for line in block:
        before = found[-1][-1] if found else None
        labelled = bool(label_of(line.text)) and (before is None or labels > 1 or bool(_ENDED.search(before.text)))
        if before is None or line.kind is Kind.ITEM or labelled:
            found.append([line])
        else:
            found[-1].append(line)
    return found


def _wrapped_at(blocks: Sequence[Sequence[Line]]) -> int:
    """The width that the text was wrapped at, as its surely wrapped blocks show it; 0 where none is."""
    widths = [0]
    for block in blocks:
        texts = [line.text for line in block]
        if len(texts) > _SURE and _is_full(texts, 0):
            widths.append(max(map(columns, texts)))
    return max(widths)


def _is_wrapped(texts: Sequence[str], width: int) -> bool:
    if len(texts) == 1:
        return True
    if len(texts) > _SURE:
        return _is_full(texts, 0)
    if width:
        return _is_full(texts, width)
    return _is_full(texts, 0) and all(_goes_on(one, after) for one, after in pairwise(texts))


def _is_full(texts: Sequence[str], width: int) -> bool:
    """Whether hardly any line had room for the first word of the next one.

    Without a width that is known, lines that begin with capitals whatever went before are verse. Narrow lines must
    go on in the middle of a sentence.
    """
    held = [columns(text) for text in texts]
    widest = max(*held, width)
    least = widest - widest // _SLACK
    full = [
        before + columns(_first(after)) + _gap(after) > least
        for before, after in zip(held, texts[1:], strict=False)
    ]
    new = sum(not _goes_on(one, after) for one, after in pairwise(texts))
    if widest > WIDEST or full.count(False) * 4 > len(full) or (not width and new * 2 > len(full)):
        return False
    if widest >= NARROWEST:
        return True
    going_on = sum(_goes_on(one, after) and not _ENDED.search(one) for one, after in pairwise(texts))
    return len(full) >= _SURE - 1 and widest >= NARROWEST // 2 and going_on * 2 > len(full)


def _goes_on(text: str, after: str) -> bool:
    """Whether the next line may continue the sentence, or begins another one as if nothing were between them."""
    first = next((char for char in after if char.isalpha()), "")
    return bool(_ENDED.search(text)) or not first.isupper()


def _first(text: str) -> str:
    """What of a line can't be parted: its first word, or its first letter and the marks that follow it."""
    if _UNSPACED.match(text):
        return text[:2]
    return text.split(maxsplit=1)[0]


def _gap(text: str) -> int:
    return 2 if _UNSPACED.match(text) else 1


def _run_on(texts: Sequence[str]) -> str:
    joined = texts[0]
    for text in texts[1:]:
        tight = _UNSPACED.match(joined[-1]) and _UNSPACED.match(text)
        hyphened = joined[-1] in "-\u2010" and joined[-2:-1].isalpha() and text[0].islower()
        joined += text if tight or hyphened else f" {text}"
    return joined


def columns(text: str) -> int:
    """How wide a text is among letters of equal width."""
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1
        for char in text
    )
