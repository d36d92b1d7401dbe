"""A phrase set in type: where each word stands, in rows that read the way their script runs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from libs.type.coverage import all_of, choose_face, draws
from libs.type.faces import FACES, Face, Role
from services.generator.builtin.type.phrases import Sung
from services.generator.builtin.type.raster import Mask, word_mask
from services.generator.builtin.type.rows import Measure, Rows, balanced

Align = Literal["left", "centre", "right"]


@dataclass(frozen=True)
class Style:
    """How a layer sets its words."""

    role: Role
    size: float
    leading: float
    tracking: float = 0.0


@dataclass(frozen=True)
class Placed:
    """A word where it stands: its pen relative to the block's left edge and first baseline."""

    word: Sung
    mask: Mask
    x: float
    y: float
    row: int
    rightward: bool


@dataclass(frozen=True)
class Block:
    """A phrase in rows. `top` and `bottom` are where its ink may reach, from the first baseline."""

    placed: tuple[Placed, ...]
    width: float
    top: float
    bottom: float
    rows: int
    align: Align
    size: float


class Typesetter:
    """Sets the words of one song in one style, so that all its phrases agree."""

    def __init__(self, lines: Sequence[Sequence[Sung]], style: Style) -> None:
        self.style = style
        text = all_of(word.text for line in lines for word in line)
        self.face = choose_face(style.role, text) or next(
            (face for face in FACES[style.role] if any(draws(face, word.text) for line in lines for word in line)),
            FACES[style.role][0],
        )

    def mask(self, text: str, size: float) -> Mask:
        """A word in the song's face, or in the first that has it."""
        return word_mask(text, self.face_of(text), round(size, 1), self.style.tracking)

    def face_of(self, text: str) -> Face:
        """The face that a word is set in."""
        return self.face if draws(self.face, text) else choose_face(self.style.role, text) or self.face

    def space(self, size: float) -> float:
        """The width of a space in pixels."""
        joined, apart = self.mask("nn", size), self.mask("n n", size)
        return apart.advance - joined.advance

    def measure(self, words: Sequence[Sung], size: float) -> Measure:
        """The words' widths."""
        space = self.space(size)
        widths = [self.mask(word.text, size).advance for word in words]
        return Measure([word.text for word in words], widths, [space if word.spaced else 0.0 for word in words])

    def turns(self, line: Sequence[Sung], most: float, rows: int) -> list[list[Sung]]:
        """A line in turns that each fit into the rows at the style's size, about equally long."""
        words = list(line)
        measure = self.measure(words, self.style.size)
        whole = measure.length(0, len(words))
        count = max(1, round(whole / (most * rows * 0.86) + 0.45)) if whole > most * rows * 0.86 else 1
        while True:
            cut = _evenly(measure, min(count, len(words)))
            found = [words[first:last] for first, last in cut]
            if count >= len(words) or all(self._fits(turn, most, rows) for turn in found):
                return found
            count += 1

    def _fits(self, words: Sequence[Sung], most: float, rows: int) -> bool:
        measure = self.measure(words, self.style.size)
        return len(words) == 1 or measure.longest(balanced(measure, most, rows)) <= most

    def block(
        self, words: Sequence[Sung], most: float, rows: int, size: float = 0.0, align: Align = "left"
    ) -> Block:
        """The words in rows no wider than `most`; where one word is wider, all of it is set smaller."""
        size = size or self.style.size
        usual = self.measure(words, self.style.size)
        while True:
            room = most * self.style.size / size
            broken = balanced(usual, room, rows)
            longest = usual.longest(broken)
            if longest <= room or size < 6.0:
                return self._placed(words, broken, size, align)
            size *= max(0.3, 0.99 * room / longest)

    def _placed(self, words: Sequence[Sung], rows: Rows, size: float, align: Align) -> Block:
        measure = self.measure(words, size)
        width = measure.longest(rows)
        rightward = reads_rightward("".join(word.text for word in words))
        found = []
        for number, (first, last) in enumerate(rows):
            order = [first + index for index in _in_sight(_ways(words[first:last]), rightward)]
            spare = width - measure.length(first, last)
            first_mask, last_mask = (self.mask(words[index].text, size) for index in (order[0], order[-1]))
            if align == "left":
                left = -float(first_mask.stem)
            elif align == "right":
                left = spare + last_mask.advance - last_mask.left - last_mask.width
            else:
                left = 0.5 * spare
            for here, after in zip(order, [*order[1:], order[-1]], strict=True):
                mask, down = self.mask(words[here].text, size), number * self.style.leading * size
                found.append(Placed(words[here], mask, left, down, number, reads_rightward(words[here].text)))
                left += mask.advance + measure.gaps[max(here, after)]
        top = min(place.y + place.mask.top for place in found)
        bottom = max(place.y + place.mask.top + place.mask.height for place in found)
        found.sort(key=lambda place: place.word.start)
        return Block(tuple(found), width, top, bottom, len(rows), align, size)


def reads_rightward(text: str) -> bool:
    """True unless the first letter with a direction is Hebrew, Arabic or a like script."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in ("R", "AL"):
            return False
        if kind == "L":
            return True
    return True


def _ways(words: Sequence[Sung]) -> list[bool]:
    return [reads_rightward(word.text) for word in words]


def _in_sight(rightward: Sequence[bool], base: bool) -> list[int]:
    """The order in which words stand from left to right: runs against the row's direction are turned round."""
    order = list(range(len(rightward)))
    runs: list[list[int]] = []
    for index in order:
        if runs and rightward[runs[-1][0]] == rightward[index]:
            runs[-1].append(index)
        else:
            runs.append([index])
    if base:
        return [index for run in runs for index in (run if rightward[run[0]] else run[::-1])]
    return [index for run in reversed(runs) for index in (run if rightward[run[0]] else run[::-1])]


def _evenly(measure: Measure, count: int) -> Rows:
    """The words in `count` groups of about equal length, cut after punctuation where one is near."""
    total = len(measure.words)
    cuts = [0]
    for number in range(1, count):
        aim = measure.ends[-1] * number / count
        room = measure.ends[-1] / count * 0.25
        low, high = cuts[-1] + 1, total - (count - number)
        options = range(low, max(high, low) + 1)

        def cost(cut: int, aim: float = aim, room: float = room) -> float:
            pause = measure.words[cut - 1][-1:] in ",;.!?:—、。"
            return abs(measure.ends[cut] - aim) - (room if pause else 0.0)

        cuts.append(min(options, key=cost))
    return list(zip(cuts, [*cuts[1:], total], strict=True))
